//! A real browser, so that a page is seen as its reader sees it: headless Chromium, which
//! `tests/run` installs. A test that cannot have it fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// How long a page may take in its own time, in milliseconds.
const PAGE_TIME: u32 = 5_000;

/// A browser with a profile of its own.
pub(crate) struct Browser {
    folder: TempDir,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a folder"),
        }
    }

    /// Writes a page into the browser's folder; its address.
    pub(crate) fn keep(&self, name: &str, html: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, html).expect("it is written");
        format!("file://{}", path.display())
    }

    /// The document at an address, as it is once its scripts have run.
    pub(crate) fn document(&self, url: &str) -> String {
        String::from_utf8(self.run(&["--dump-dom", url])).expect("text")
    }

    /// What the page of a script has written into `<pre id="measured">`, as JSON.
    pub(crate) fn measured(&self, url: &str) -> Value {
        let document = self.document(url);
        let (_, measured) = document
            .split_once("<pre id=\"measured\">")
            .expect("it was measured");
        let (measured, _) = measured.split_once("</pre>").expect("it ends");
        let measured = measured.replace("&amp;", "&").replace("&lt;", "<");
        serde_json::from_str(&measured.replace("&gt;", ">")).expect("JSON")
    }

    /// The pixels of a window of that size on the page, as a PNG.
    pub(crate) fn picture(&self, url: &str, width: u32, height: u32) -> Vec<u8> {
        let path = self.folder.path().join("picture.png");
        let size = format!("--window-size={width},{height}");
        self.run(&[&size, &to("screenshot", &path), url]);
        std::fs::read(path).expect("a picture was taken")
    }

    /// The page as it is printed, as a PDF.
    pub(crate) fn print(&self, url: &str) -> Vec<u8> {
        let path: PathBuf = self.folder.path().join("print.pdf");
        self.run(&["--no-pdf-header-footer", &to("print-to-pdf", &path), url]);
        std::fs::read(path).expect("it was printed")
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let profile = self.folder.path().join("profile");
        let output = Command::new("chromium")
            // It refuses to run as root inside its own sandbox; the pages are ours.
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--hide-scrollbars", "--no-first-run", "--no-proxy-server"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--virtual-time-budget={PAGE_TIME}"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("this test needs Chromium; run it by tests/run, which installs it");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        output.stdout
    }
}

fn to(option: &str, path: &Path) -> String {
    format!("--{option}={}", path.display())
}
