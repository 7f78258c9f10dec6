//! What the words of a name say about its value: `db.userPassword` holds one, `max_tokens` counts.

/// The longest word that is looked at; anything longer is no word.
const LONGEST: usize = 64;

/// What a word can mean, several at once.
pub(super) type Meaning = u16;

/// A credential wherever it stands: `password`, `cookie`.
pub(super) const STRONG: Meaning = 1;
/// `token`: a credential unless its neighbours speak of a model's tokens.
pub(super) const TOKEN: Meaning = 1 << 1;
/// `tokens`: counted, unless `access` or the like stands before it.
pub(super) const TOKENS: Meaning = 1 << 2;
/// `key`: a credential when `api` or the like stands before it.
pub(super) const KEY: Meaning = 1 << 3;
/// `pass` and `auth`: credentials after a word such as `db`, or alone.
pub(super) const PASS: Meaning = 1 << 4;
/// Makes a credential of a `key` behind it.
pub(super) const BEFORE_KEY: Meaning = 1 << 5;
/// Makes credentials of `tokens` behind it.
pub(super) const BEFORE_TOKENS: Meaning = 1 << 6;
/// Makes a credential of a `pass` behind it.
pub(super) const BEFORE_PASS: Meaning = 1 << 7;
/// A `token` behind it is text or a place in a list, not a credential.
pub(super) const MEASURE: Meaning = 1 << 8;
/// A `token` before it is counted or described.
pub(super) const AFTER_TOKEN: Meaning = 1 << 9;
/// As the last word: the value describes a credential and is none.
pub(super) const DESCRIPTION: Meaning = 1 << 10;
/// As the last word: it names a key or token; a `secret_id` is one half of a credential all the same.
pub(super) const IDENTITY: Meaning = 1 << 11;
/// As the last word of a URL's parameter: proves who made the URL.
pub(super) const SIGNATURE: Meaning = 1 << 12;

/// The bit of a letter in either case.
pub(super) const fn letter(byte: u8) -> u32 {
    1 << (byte & 31)
}

/// A bit for each letter of `word`.
const fn letters(word: &[u8]) -> u32 {
    let (mut letters, mut at) = (0, 0);
    while at < word.len() {
        letters |= letter(word[at]);
        at += 1;
    }
    letters
}

/// Every word, and every ending, that [`meaning`] takes for a credential or a signature has the letters of one.
const ROOTS: [u32; 13] = [
    letters(b"key"),
    letters(b"pass"),
    letters(b"token"),
    letters(b"auth"),
    letters(b"secret"),
    letters(b"sig"),
    letters(b"cookie"),
    letters(b"cred"),
    letters(b"pwd"),
    letters(b"sessid"),
    letters(b"bearer"),
    letters(b"jwt"),
    letters(b"cv"),
];

/// Whether a name of these letters can be a credential's.
#[inline(always)]
pub(super) fn may_be_secret(present: u32) -> bool {
    // Numbers and times of day, most often.
    present & present.wrapping_sub(1) != 0 && ROOTS.iter().any(|root| present & root == *root)
}

/// Calls `each` with every word of a name, in lower case and without trailing digits. Words end at
/// anything but letters and digits, and where upper case begins (`apiKey`, `APIKey`).
#[inline]
pub(super) fn for_each_word(name: &str, mut each: impl FnMut(&[u8])) {
    let bytes = name.as_bytes();
    let mut word = [0; LONGEST];
    let mut len = 0;
    let mut previous = 0u8;
    for (at, &byte) in bytes.iter().enumerate() {
        let begins = byte.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || previous.is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase));
        let inside = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        if len > 0 && (begins || !inside) {
            each(trimmed(&word, len));
            len = 0;
        }
        if inside {
            if let Some(place) = word.get_mut(len) {
                *place = byte.to_ascii_lowercase();
            }
            len += 1;
        }
        previous = byte;
    }
    if len > 0 {
        each(trimmed(&word, len));
    }
}

fn trimmed(word: &[u8; LONGEST], len: usize) -> &[u8] {
    let word = word.get(..len).unwrap_or_default();
    let end = word.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(word.len(), |last| last + 1);
    word.get(..end).unwrap_or_default()
}

/// What a word in lower case means; 0 for most.
pub(super) fn meaning(word: &[u8]) -> Meaning {
    match word {
        b"token" => TOKEN,
        b"tokens" => TOKENS,
        b"key" | b"keys" => KEY,
        b"pass" | b"auth" => PASS | if word == b"auth" { BEFORE_KEY | BEFORE_TOKENS } else { 0 },

        b"authorization" | b"bearer" | b"cookie" | b"cookies" | b"jwt" | b"passcode" | b"pwd"
        | b"jsessionid" | b"phpsessid" | b"setcookie" | b"authtoken" | b"accesstoken" | b"refreshtoken"
        | b"idtoken" | b"sessiontoken" | b"bearertoken" | b"csrftoken" | b"xsrftoken" | b"cvv" | b"cvc" => {
            STRONG | if word == b"bearer" { BEFORE_TOKENS } else { 0 }
        }

        b"api" | b"access" | b"session" | b"security" | b"personal" => BEFORE_KEY | BEFORE_TOKENS,
        b"refresh" | b"oauth" | b"csrf" | b"xsrf" => BEFORE_TOKENS,
        b"private" | b"signing" | b"encryption" | b"master" | b"ssh" | b"account" | b"subscription"
        | b"license" | b"shared" | b"webhook" | b"deploy" | b"hmac" | b"aes" | b"rsa" => BEFORE_KEY,
        b"db" | b"database" | b"user" | b"smtp" | b"imap" | b"ftp" | b"ldap" | b"admin" | b"root"
        | b"mysql" | b"pg" | b"postgres" | b"redis" | b"http" | b"basic" | b"proxy" | b"x" | b"registry"
        | b"login" => BEFORE_PASS,

        b"first" | b"per" | b"output" | b"input" | b"prompt" | b"completion" | b"next" | b"page"
        | b"pagination" | b"continuation" | b"starting" | b"stop" | b"eos" | b"bos" | b"pad" | b"unk"
        | b"mask" | b"sep" | b"cls" | b"special" | b"cancellation" | b"total" | b"max" | b"min" | b"sync"
        | b"reasoning" | b"cache" | b"cached" | b"last" => MEASURE,
        b"budget" | b"rate" | b"index" | b"logprob" | b"logprobs" | b"probability" | b"bucket" => AFTER_TOKEN,
        b"count" | b"counts" | b"usage" | b"type" | b"limit" | b"limits" | b"length" => {
            AFTER_TOKEN | DESCRIPTION
        }
        b"id" | b"ids" => AFTER_TOKEN | IDENTITY,
        b"fingerprint" => IDENTITY,
        b"sig" | b"signature" => SIGNATURE,
        b"len" | b"size" | b"name" | b"names" | b"version" | b"arn" | b"expires" | b"expiry" | b"expired"
        | b"expiration" | b"ttl" | b"age" | b"policy" | b"url" | b"uri" | b"endpoint" | b"path" | b"file"
        | b"issuer" | b"provider" | b"scheme" | b"algorithm" | b"alg" | b"audience" | b"method"
        | b"status" | b"kind" | b"format" | b"scope" | b"scopes" | b"at" | b"in" | b"enabled"
        | b"required" | b"present" | b"valid" | b"exists" | b"result" | b"decision" | b"rotation"
        | b"strength" => DESCRIPTION,
        _ if word.len() >= 6 => compound(word),
        _ => 0,
    }
}

/// Words written together: `dbpassword`, `xapikey`.
fn compound(word: &[u8]) -> Meaning {
    let inside = |(at, byte): (usize, &u8)| {
        let rest = word.get(at..).unwrap_or_default();
        match byte {
            b'p' => {
                [b"password".as_slice(), b"passwd", b"passphrase"].iter().any(|part| rest.starts_with(part))
            }
            b'c' => rest.starts_with(b"credential"),
            _ => false,
        }
    };
    let endings: &[&[u8]] = match word.last() {
        Some(b't') => &[b"secret"],
        Some(b's') => &[b"secrets", b"apikeys"],
        Some(b'y') => &[b"apikey", b"secretkey", b"privatekey", b"accesskey", b"authkey"],
        Some(b'e') => &[b"cookie"],
        _ => &[],
    };
    if !endings.iter().any(|ending| word.ends_with(ending)) && !word.iter().enumerate().any(inside) {
        return 0;
    }
    STRONG | if matches!(word, b"secret" | b"secrets") { BEFORE_KEY | BEFORE_TOKENS } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(name, |word| words.push(String::from_utf8_lossy(word).into_owned()));
        words
    }

    #[test]
    fn names_come_apart_into_words() {
        for (name, expected) in [
            ("http.request.header.set-cookie", "http request header set cookie"),
            ("dbUserPassword", "db user password"),
            ("APIKey", "api key"),
            ("AWSAccessKeyId", "aws access key id"),
            ("oauth2Token", "oauth token"),
            ("X-API-KEY", "x api key"),
            ("__a..b__", "a b"),
            ("password1", "password"),
            ("a.0.b", "a 0 b"),
            ("größe.Maß", "größe maß"),
            ("", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn overlong_words_mean_nothing_and_break_nothing() {
        assert_eq!(words(&"a".repeat(LONGEST)), ["a".repeat(LONGEST)]);
        assert_eq!(words(&format!("{}.b", "a".repeat(LONGEST + 1))), ["", "b"]);
    }
}
