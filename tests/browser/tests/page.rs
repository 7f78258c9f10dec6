//! The page in a real browser: found, read, operated by keys, fed with script, looked at.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tracer_factory_browser_tests::browser::Browser;
use tracer_factory_browser_tests::served::Served;
use tracer_factory_browser_tests::{looks, traces};

fn all() -> Vec<Value> {
    let mut requests = traces::odd();
    requests.extend(traces::ordinary());
    requests
}

/// The page has made no error.
fn clean(browser: &Browser) {
    assert_eq!(browser.problems(), Vec::<String>::new());
}

const ROWS: &str = "document.querySelectorAll('.traces tbody tr').length";

#[test]
fn a_trace_is_found_and_read() -> Result<()> {
    let served = Served::with(&all())?;
    let mut browser = Browser::start()?;
    browser.open(served.url())?;
    browser.wait(&format!("{ROWS} === {}", all().len()))?;

    // Search by key; a second filter adds to it.
    browser.press("/")?;
    browser.enter("WEEKEND")?;
    browser.wait(&format!("{ROWS} === 2"))?;
    browser.eval("(() => { const e = document.querySelector('[name=errors]'); e.value = 'false'; e.dispatchEvent(new Event('change')); })()")?;
    browser.wait(&format!("{ROWS} === 1"))?;
    assert!(browser.text("location.hash")?.contains("q=WEEKEND&errors=false"));

    browser.click(".traces a", "plan weekend trip")?;
    browser.wait("document.activeElement.getAttribute('role') === 'tree'")?;
    assert_eq!(browser.eval("document.querySelectorAll('.row').length")?, 15);
    // The bars are where the times are: the ruler's middle is half of the trace.
    let middle = "(() => { const box = (e) => e.getBoundingClientRect(); const ruler = box(document.querySelector('.ticks')); const root = box(document.querySelector('.span-bar')); return Math.abs(ruler.left - root.left) + Math.abs(ruler.right - root.right); })()";
    assert!(browser.eval(middle)?.as_f64().is_some_and(|off| off < 1.0));

    // Keys: the root, the agent, its first call; all about that.
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"] {
        browser.press(key)?;
    }
    browser.wait("document.querySelector('.drawer h2')?.textContent === 'chat gpt-5-mini'")?;
    let drawer = browser.text("document.querySelector('.drawer').innerText")?;
    assert!(
        drawer.contains("gpt-5-mini-2026-08-01") && drawer.contains("gen_ai.request.temperature"),
        "{drawer}"
    );
    // The drawer follows the keys, and the address says where it is.
    browser.press("j")?;
    browser.wait("document.querySelector('.drawer h2')?.textContent === 'execute_tool weather'")?;
    assert!(browser.text("location.hash")?.ends_with("span=0000000000000004"));
    browser.press("ArrowLeft")?;
    browser.wait("document.querySelectorAll('.row').length === 13")?;
    browser.press("Escape")?;
    browser.wait("!document.querySelector('.drawer')")?;

    browser.click("[role=tab]", "Conversation")?;
    browser.wait("Boolean(document.querySelector('.conversation'))")?;
    let words = browser.text("document.querySelector('.conversation').innerText")?;
    assert_eq!(
        words.matches("Where should I go from Zürich").count(),
        1,
        "what was said is shown once: {words}"
    );
    let order = [
        "You plan short trips",
        "Where should I go",
        "tool call: weather",
        "Lugano",
        "Take the 8:32",
        "+0.92",
    ];
    let places: Vec<_> = order.iter().map(|part| words.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {words}");

    browser.click("[role=tab]", "Flame graph")?;
    browser.click(".flame", "POST /search")?;
    browser.wait("document.querySelector('.drawer h2')?.textContent === 'POST /search'")?;

    // A link to a span opens it.
    let link = browser.text("location.href")?;
    browser.open(&link)?;
    browser.wait("document.querySelector('.drawer h2')?.textContent === 'POST /search' && Boolean(document.querySelector('.flame-graph'))")?;

    // The next error, by key.
    browser.open(&format!("{}/#/trace/{}", served.url(), traces::POOR_RUN))?;
    browser.wait("document.activeElement.getAttribute('role') === 'tree'")?;
    browser.press("n")?;
    browser.press("Enter")?;
    browser.wait(
        "Boolean(document.querySelector('.drawer')?.innerText.includes('search timed out after 3 s'))",
    )?;
    clean(&browser);
    Ok(())
}

#[test]
fn services_comparison_sessions_import_and_live() -> Result<()> {
    let served = Served::with(&traces::ordinary())?;
    let mut browser = Browser::start()?;
    browser.open(served.url())?;
    browser.wait(&format!("{ROWS} > 2"))?;

    browser.click(".toggle", "Live")?;
    browser.wait("document.getElementById('live-state').textContent === 'live'")?;
    let before = browser.eval(ROWS)?.as_u64().unwrap_or_default();
    served.send(&traces::latest())?;
    browser.wait(&format!("{ROWS} === {}", before + 1))?;
    browser.click(".toggle", "Live")?;

    for nth in [0, 1] {
        browser.eval(&format!(
            "document.querySelectorAll('.traces [aria-label*=\"plan weekend trip\"]')[{nth}].click()"
        ))?;
    }
    browser.click("button", "Compare two")?;
    browser.wait("Boolean(document.querySelector('table.compare'))")?;
    let compared = browser.text("document.querySelector('table.compare').innerText")?;
    assert!(compared.contains("0 → 1 failed") || compared.contains("1 → 0 failed"), "{compared}");
    assert_eq!(browser.eval("document.querySelectorAll('table.compare tbody tr').length")?, 14);

    browser.press("g")?;
    browser.press("m")?;
    browser.wait("document.querySelectorAll('.map .node').length === 7")?;
    let calls = browser
        .text("[...document.querySelectorAll('.map .edge title')].map((e) => e.textContent).join('\\n')")?;
    assert!(calls.contains("api-gateway → payment-service: 7 calls, 2 failed"), "{calls}");

    browser.click("nav a", "Sessions")?;
    browser.click(".sessions a", "plan weekend trip")?;
    browser.wait("document.querySelector('.turns')?.innerText.includes('plan weekend trip') === true")?;

    // Out as OTLP JSON, another identifier, in again.
    let other = "1234567890abcdef1234567890abcdef";
    browser.click("nav a", "Import")?;
    browser.wait("Boolean(document.querySelector('textarea'))")?;
    browser.eval(&format!(
        "fetch('/api/traces/{run}').then((a) => a.text()).then((text) => {{ document.querySelector('textarea').value = text.replaceAll('{run}', '{other}'); }})",
        run = traces::GOOD_RUN
    ))?;
    browser.click("main button", "Import")?;
    browser.wait(&format!(
        "location.hash.startsWith('#/trace/{other}') && document.querySelectorAll('.row').length === 15"
    ))?;

    // What is no trace is refused with words.
    browser.click("nav a", "Import")?;
    browser.wait("Boolean(document.querySelector('textarea'))")?;
    browser.eval("document.querySelector('textarea').value = '{\"resourceSpans\": []}'")?;
    browser.click("main button", "Import")?;
    browser.wait("document.querySelector('[role=status].note').textContent.startsWith('Not imported: ')")?;
    clean(&browser);
    Ok(())
}

#[test]
fn ten_thousand_spans_are_a_few_rows_at_a_time() -> Result<()> {
    let served = Served::with(&all())?;
    let mut browser = Browser::start()?;
    browser.open(&format!("{}/#/trace/{}", served.url(), traces::LARGE))?;
    browser.wait("document.querySelectorAll('.row').length > 10")?;
    let seen = browser.eval(
        "(async () => {
          const scroller = document.querySelector('.waterfall');
          const names = new Set();
          let most = 0;
          for (;;) {
            const rows = document.querySelectorAll('.row');
            most = Math.max(most, rows.length);
            for (const row of rows) names.add(row.id);
            if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1) break;
            scroller.scrollTop += scroller.clientHeight;
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          }
          return { most, names: names.size };
        })()",
    )?;
    assert_eq!(seen["names"], traces::LARGE_SPANS);
    assert!(seen["most"].as_u64().is_some_and(|most| most < 120), "{seen}");

    browser.eval("document.querySelector('.waterfall').focus()")?;
    browser.press("End")?;
    browser.press("Enter")?;
    browser.wait("document.querySelector('.drawer h2')?.textContent === 'document 9999'")?;

    browser.click("[role=tab]", "Flame graph")?;
    browser.wait("document.querySelectorAll('.flame').length > 100")?;
    assert!(
        browser
            .eval("document.querySelectorAll('.flame').length")?
            .as_u64()
            .is_some_and(|drawn| drawn <= 4000)
    );

    browser.open(&format!("{}/#/trace/{}", served.url(), traces::CIRCLE))?;
    browser.wait("document.querySelectorAll('.row').length === 4")?;
    clean(&browser);
    Ok(())
}

/// Every place of the page.
fn places() -> Vec<String> {
    let mut places: Vec<String> =
        ["traces", "sessions", "services", "import", "nowhere"].map(|view| format!("/{view}")).into();
    places.push(format!("/compare?a={}&b={}", traces::GOOD_RUN, traces::HOSTILE));
    for trace in [traces::GOOD_RUN, traces::HOSTILE] {
        for tab in ["waterfall", "flame", "conversation"] {
            places.push(format!("/trace/{trace}?tab={tab}&span=0000000000000001"));
        }
    }
    places
}

const DRAWN: &str = "Boolean(document.querySelector('main .view')?.childElementCount) && !document.querySelector('main .view').innerText.startsWith('Reading…')";

#[test]
fn nothing_that_was_recorded_is_run() -> Result<()> {
    let served = Served::with(&all())?;
    let mut browser = Browser::start()?;
    let session = browser_encode(&mut browser, &format!("session.id{}", traces::SCRIPT))?;
    for place in places().into_iter().chain([format!("/sessions/{session}")]) {
        browser.open(&format!("{}/#{place}", served.url()))?;
        browser.wait(DRAWN)?;
        let foreign = browser.eval(
            "[...document.querySelectorAll('main :is(script, img, iframe, object, embed, style, link), [href^=\"javascript:\"], [onerror], [onload]')].map((e) => e.outerHTML)",
        )?;
        assert_eq!(foreign, json!([]), "{place}");
        assert_eq!(browser.eval("globalThis.injected ?? null")?, Value::Null, "{place}");
    }
    // It was there to be run: the page shows it as text.
    browser.open(&format!("{}/#/trace/{}?span=0000000000000001", served.url(), traces::HOSTILE))?;
    browser.wait(&format!(
        "document.querySelector('.drawer h2')?.textContent === {}",
        json!(format!("name{}", traces::SCRIPT))
    ))?;
    let drawer = browser.text("document.querySelector('.drawer').textContent")?;
    assert!(drawer.matches("<script>").count() > 20, "{drawer}");
    clean(&browser);
    Ok(())
}

fn browser_encode(browser: &mut Browser, text: &str) -> Result<String> {
    browser.text(&format!("encodeURIComponent({})", json!(text)))
}

#[test]
fn whatever_can_be_operated_has_a_name() -> Result<()> {
    let served = Served::with(&all())?;
    let mut browser = Browser::start()?;
    for place in &places() {
        browser.open(&format!("{}/#{place}", served.url()))?;
        browser.wait(DRAWN)?;
        let (operated, unnamed) = browser.unnamed()?;
        assert!(operated >= 7, "{place}: {operated}");
        assert_eq!(unnamed, Vec::<String>::new(), "{place}");
    }
    browser.press("?")?;
    browser.wait("document.getElementById('shortcuts').open")?;
    assert_eq!(browser.unnamed()?.1, Vec::<String>::new());
    browser.press("Escape")?;
    browser.wait("!document.getElementById('shortcuts').open")?;
    clean(&browser);
    Ok(())
}

/// Where pictures go: `$TF_PICTURES` (docs/, when they are to be renewed), else the build's folder.
fn pictures() -> PathBuf {
    let named = std::env::var_os("TF_PICTURES")
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder));
    named.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into())
}

#[test]
fn it_can_be_read_at_each_width_dark_and_light() -> Result<()> {
    let served = Served::with(&traces::ordinary())?;
    let mut browser = Browser::start()?;
    let run = format!("/trace/{}", traces::GOOD_RUN);
    let poor = format!("/trace/{}?span=0000000000000007", traces::POOR_RUN);
    let shown = [
        ("desktop", 1280, 800, "light", "/traces".to_owned()),
        ("desktop", 1280, 800, "dark", poor.clone()),
        ("phone", 390, 844, "light", format!("{run}?tab=conversation")),
        ("phone", 390, 844, "dark", run.clone()),
    ];
    for (screen, width, height, scheme, place) in &shown {
        browser.screen(*width, *height, scheme)?;
        browser.open(&format!("{}/#{place}", served.url()))?;
        browser.wait(DRAWN)?;
        // Focus rings are for those who press keys, not for pictures.
        browser.eval("document.activeElement.blur()")?;
        let file = pictures().join(format!("page-{screen}-{scheme}.png"));
        browser.picture(&file)?;
        let bytes = std::fs::metadata(&file)?.len();
        ensure!((5_000..200_000).contains(&bytes), "{} has {bytes} bytes", file.display());
    }
    let compared = format!("/compare?a={}&b={}", traces::GOOD_RUN, traces::POOR_RUN);
    let places = [
        "/traces".to_owned(),
        "/sessions".to_owned(),
        "/services".to_owned(),
        "/import".to_owned(),
        compared,
        poor,
        format!("{run}?tab=conversation"),
        format!("{run}?tab=flame"),
    ];
    for (width, height, scheme) in
        [(1280, 800, "light"), (1280, 800, "dark"), (390, 844, "light"), (390, 844, "dark")]
    {
        browser.screen(width, height, scheme)?;
        for place in &places {
            browser.open(&format!("{}/#{place}", served.url()))?;
            browser.wait(DRAWN)?;
            assert_eq!(browser.eval(looks::OVERFLOW)?, json!([]), "{place} at {width}");
            assert_eq!(browser.eval(looks::CONTRAST)?, json!([]), "{place} {scheme} at {width}");
        }
    }
    clean(&browser);
    Ok(())
}
