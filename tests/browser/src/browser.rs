//! A headless Chromium with one page.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::socket::Socket;

/// Names the browser to run, where it is not on PATH.
const VAR: &str = "CHROMIUM";
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How long anything in the page may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser, ended when dropped.
pub struct Browser {
    child: Child,
    socket: Socket,
    _profile: TempDir,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("child", &self.child.id()).finish_non_exhaustive()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Told to close, it ends its own children too.
        let _ = self.socket.call("Browser.close", &json!({}));
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts Chromium: `$CHROMIUM`, or the first known name on PATH.
    ///
    /// # Errors
    /// If there is none, or it does not start.
    pub fn start() -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut child = Command::new(program()?)
            // Tests show it nothing but our own server, and its sandbox needs rights that root in a container lacks.
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args([
                "--remote-debugging-port=0",
                "--lang=en-GB",
                "--hide-scrollbars",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let socket = connect(&mut child, profile.path()).inspect_err(|_| {
            let _ = child.kill();
        })?;
        let mut browser = Self { child, socket, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attached = browser
            .call("Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }))?;
        browser.socket.attach(attached["sessionId"].as_str().context("no session")?);
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        browser.screen(1280, 800, "light")?;
        Ok(browser)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.socket.call(method, params)
    }

    /// Errors that the page has made so far.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        self.socket.problems()
    }

    /// The window's size, and whether the system is `light` or `dark`.
    ///
    /// # Errors
    /// As the browser says.
    pub fn screen(&mut self, width: u32, height: u32, scheme: &str) -> Result<()> {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 }),
        )?;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// Opens an address afresh.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(&mut self, url: &str) -> Result<()> {
        // Addresses that differ behind # alone would not be loaded again.
        self.call("Page.navigate", &json!({ "url": "about:blank" }))?;
        let answer = self.call("Page.navigate", &json!({ "url": url }))?;
        ensure!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        self.wait("document.readyState === 'complete'")
    }

    /// What a script in the page gives; promises are waited for.
    ///
    /// # Errors
    /// If it throws.
    pub fn eval(&mut self, script: &str) -> Result<Value> {
        let mut answer = self.call(
            "Runtime.evaluate",
            &json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true }),
        )?;
        if !answer["exceptionDetails"].is_null() {
            bail!("{script}\nthrew {}", answer["exceptionDetails"]["exception"]["description"]);
        }
        Ok(answer["result"]["value"].take())
    }

    /// The same as text.
    ///
    /// # Errors
    /// If it throws, or gives no text.
    pub fn text(&mut self, script: &str) -> Result<String> {
        let value = self.eval(script)?;
        value.as_str().map(str::to_owned).with_context(|| format!("{script} gave {value}"))
    }

    /// Until a script gives `true`.
    ///
    /// # Errors
    /// If it doesn't in time; says what the page showed instead.
    pub fn wait(&mut self, script: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.eval(script)? != true {
            if Instant::now() > deadline {
                let shown = self.eval("location.hash + ' ' + document.body.innerText.slice(0, 2000)")?;
                bail!("never so: {script}\nshown: {shown}\nproblems: {:?}", self.problems());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Clicks the first visible element of a selector that has these words or this name, once it is there.
    ///
    /// # Errors
    /// If there is none in time.
    pub fn click(&mut self, selector: &str, words: &str) -> Result<()> {
        let find = format!(
            "[...document.querySelectorAll({})].find((e) => e.checkVisibility() && ((e.getAttribute('aria-label') ?? '') + e.textContent).includes({}))",
            json!(selector),
            json!(words)
        );
        self.wait(&format!("Boolean({find})"))?;
        let place = self.eval(&format!(
            "(() => {{ const e = {find}; e.scrollIntoView({{ block: 'nearest' }}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                &json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 }),
            )?;
        }
        Ok(())
    }

    /// Presses a key: `ArrowDown`, `Enter`, or a letter.
    ///
    /// # Errors
    /// As the browser says.
    pub fn press(&mut self, key: &str) -> Result<()> {
        // What the browser itself does with a key goes by its number.
        let number = match key {
            "Enter" => 13,
            "Escape" => 27,
            _ => 0,
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": number });
        if key.chars().count() == 1 {
            down["text"] = json!(key);
        }
        self.call("Input.dispatchKeyEvent", &down)?;
        self.call(
            "Input.dispatchKeyEvent",
            &json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": number }),
        )
        .map(drop)
    }

    /// Types into what has the focus.
    ///
    /// # Errors
    /// As the browser says.
    pub fn enter(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({ "text": text })).map(drop)
    }

    /// Everything that can be operated and has no name for those who hear the page: role and DOM node.
    ///
    /// # Errors
    /// As the browser says.
    pub fn unnamed(&mut self) -> Result<(usize, Vec<String>)> {
        const ROLES: [&str; 14] = [
            "button",
            "link",
            "textbox",
            "searchbox",
            "combobox",
            "checkbox",
            "tab",
            "tree",
            "treeitem",
            "dialog",
            "menuitem",
            "radio",
            "slider",
            "form",
        ];
        let tree = self.call("Accessibility.getFullAXTree", &json!({}))?;
        let nodes = tree["nodes"].as_array().context("no accessibility tree")?;
        let operated = nodes.iter().filter(|node| {
            node["ignored"] != true
                && node["role"]["value"].as_str().is_some_and(|role| ROLES.contains(&role))
        });
        let unnamed =
            |node: &&Value| node["name"]["value"].as_str().is_none_or(|name| name.trim().is_empty());
        let found: Vec<&Value> = operated.collect();
        let nameless = found.iter().copied().filter(unnamed).map(ToString::to_string).collect();
        Ok((found.len(), nameless))
    }

    /// A picture of the window, as PNG.
    ///
    /// # Errors
    /// If it can't be taken or written.
    pub fn picture(&mut self, file: &Path) -> Result<()> {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        let data = answer["data"].as_str().context("no picture")?;
        let png = base64::engine::general_purpose::STANDARD.decode(data)?;
        fs::write(file, png).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn program() -> Result<PathBuf> {
    if let Some(named) = env::var_os(VAR) {
        return Ok(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    candidates.find(|file| file.is_file()).with_context(|| {
        format!("no Chromium on PATH ({}): install it, or name it by {VAR}", NAMES.join(", "))
    })
}

/// Chromium writes its port and path into its profile once it listens.
fn connect(child: &mut Child, profile: &Path) -> Result<Socket> {
    let file = profile.join("DevToolsActivePort");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = fs::read_to_string(&file).unwrap_or_default();
        if let [port, path] = told.lines().collect::<Vec<_>>()[..] {
            return Socket::connect(port.parse()?, path);
        }
        if let Some(status) = child.try_wait()? {
            bail!("Chromium ended at once: {status}");
        }
        ensure!(Instant::now() < deadline, "Chromium does not say where it listens");
        thread::sleep(Duration::from_millis(20));
    }
}
