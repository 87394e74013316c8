//! Headless Chromium, driven through chromedriver.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

use crate::process::Process;

/// Loads nothing of its own accord, from nowhere.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // The browser ends when the pipe to its driver closes, even where the driver is killed.
    "--remote-debugging-pipe",
];

/// A browser with one page; it and its driver end when dropped.
pub struct Browser {
    /// The page.
    pub page: WebDriver,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and a browser with a new profile.
    ///
    /// # Errors
    /// Debian's chromium and chromium-driver are not installed, or do not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&["browser"]).await
    }

    /// The same, and the browser keeps a log of what it sends and receives.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub async fn recording() -> Result<Self> {
        Self::start_with(&["browser", "performance"]).await
    }

    async fn start_with(logs: &[&str]) -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped());
        let mut driver = Process::start_with_output(&mut command)
            .context("chromedriver (Debian: chromium-driver); `make test` installs it")?;
        let port = announced_port(&mut driver)?;
        let profile = tempfile::tempdir()?;
        let mut capabilities = DesiredCapabilities::chrome();
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        for log in logs {
            capabilities.set_logging_prefs(*log, LoggingPrefsLogLevel::All)?;
        }
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        Ok(Self { page, _driver: driver, _profile: profile })
    }

    /// Shows pages as on a screen so wide (CSS pixels) whose owner prefers `scheme`: `light` or `dark`.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn screen(&self, width: u32, scheme: &str) -> Result<()> {
        let devtools = self.page.cdp();
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        devtools.send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        devtools.send_raw("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// The value of a JavaScript expression in the page.
    ///
    /// # Errors
    /// It throws.
    pub async fn value_of(&self, expression: &str) -> Result<Value> {
        let answer = self.page.execute(format!("return ({expression});"), Vec::new()).await?;
        Ok(answer.json().clone())
    }

    /// Shows pages as they are printed on paper so wide (CSS pixels; A4 between its margins has 718).
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn paper(&self, width: u32) -> Result<()> {
        let devtools = self.page.cdp();
        let size = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        devtools.send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        devtools.send_raw("Emulation.setEmulatedMedia", json!({ "media": "print" })).await?;
        Ok(())
    }

    /// Lets pages run scripts, or not, from the next one on.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn scripts(&self, allowed: bool) -> Result<()> {
        let off = json!({ "value": !allowed });
        self.page.cdp().send_raw("Emulation.setScriptExecutionDisabled", off).await?;
        Ok(())
    }

    /// The whole page as it is seen, a PNG in base64.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn picture(&self) -> Result<String> {
        let whole = json!({ "captureBeyondViewport": true });
        let answer = self.page.cdp().send_raw("Page.captureScreenshot", whole).await?;
        answer["data"].as_str().map(str::to_owned).context("a picture has data")
    }

    /// What axe-core (<https://github.com/dequelabs/axe-core>) finds wrong for people who see, hear or move less: each with its
    /// rule and the first elements it is about.
    ///
    /// # Errors
    /// It is not there (`make test` installs it), or does not come to an end.
    pub async fn violations(&self) -> Result<Vec<String>> {
        let build = crate::process::build_folder()?;
        let target = build.parent().context("the build folder lies in the target folder")?;
        let path = target.join("axe/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "{}; `make test` makes it: npm install --prefix {} axe-core",
                path.display(),
                target.join("axe").display()
            )
        })?;
        self.page.execute(axe, Vec::new()).await?;
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] }).then(
              found => done(found.violations.map(v => v.id + ' (' + v.impact + '): ' + v.help + ': '
                + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join('; '))),
              error => done(['axe-core failed: ' + error]))";
        let answer = self.page.execute_async(run, Vec::new()).await?;
        serde_json::from_value(answer.json().clone()).context("axe-core gives a list")
    }

    /// What the browser had to complain about since the last call: script errors, refused loads, `console.error`.
    ///
    /// # Errors
    /// The driver keeps no log.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.page.browser_log().await?;
        let bad = entries.into_iter().filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"));
        Ok(bad.map(|entry| entry.message).collect())
    }

    /// Closes the browser in good order.
    ///
    /// # Errors
    /// The driver lost it.
    pub async fn close(self) -> Result<()> {
        let Self { page, .. } = self;
        page.quit().await.context("closing the browser")
    }
}

fn announced_port(driver: &mut Process) -> Result<u16> {
    let stdout = driver.take_stdout().context("stdout is piped")?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let port = line.split_once("started successfully on port ").map(|(_, rest)| rest);
            if let Some(port) = port.and_then(|rest| rest.trim_end_matches('.').parse().ok()) {
                let _ = tell.send(port);
            }
        }
    });
    match told.recv_timeout(Duration::from_secs(20)) {
        Ok(port) => Ok(port),
        Err(_) => bail!("chromedriver did not say on which port it listens"),
    }
}
