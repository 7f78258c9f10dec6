//! `serve`: answers, says where, and ends by a signal.

use crate::program::{Running, command, request, url_in};

#[test]
fn serves_and_writes_its_url() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ready_file = folder.join(format!("ready-{}", std::process::id()));
    let path = ready_file.to_str().unwrap();
    let server =
        Running::start(&["serve", "--data", "memory", "--listen", "127.0.0.1:0", "--ready-file", path]);
    let url = url_in(&server.line_with("can be read at")).trim_end_matches("/api/traces").to_owned();
    server.line_with("Ctrl-C");
    let (head, body) = request("GET", &format!("{url}/healthz"), "");
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("\"ok\""), "{head} {body}");

    // A second one finds the first, and is ready at once.
    let address = url.trim_start_matches("http://");
    let second =
        command(&["serve", "--data", "memory", "--listen", address, "--ready-file", path]).output().unwrap();
    let words = String::from_utf8(second.stdout).unwrap();
    assert!(second.status.success() && words.contains(&format!("runs already at {url}")), "{words}");
    assert_eq!(std::fs::read_to_string(&ready_file).unwrap(), url);
    std::fs::remove_file(&ready_file).unwrap();

    #[cfg(unix)]
    {
        let killed = std::process::Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        assert!(killed.unwrap().success());
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn other_machines_are_kept_out() {
    let output = command(&["serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.starts_with("error: ") && words.contains("loopback"), "{words}");
}
