//! Runs `coap-ws`, as a client and as a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(40);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    /// What went to stdout, which is text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// The run ended with this exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Ran {
        let out = String::from_utf8_lossy(&self.out);
        assert_eq!(self.code, Some(code), "stdout: {out}\nstderr: {}", self.err);
        self
    }

    /// It ended with this exit code, and its error has these three parts.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, parts: [&str; 3]) -> Ran {
        let ran = self.ends(code);
        for (name, part) in ["error: ", "because: ", "try: "].into_iter().zip(parts) {
            let line = ran.err.lines().find(|line| line.starts_with(name));
            let line = line.unwrap_or_else(|| panic!("no `{name}` in {}", ran.err));
            assert!(line.contains(part), "no `{part}` in `{line}`");
        }
        ran
    }

    /// It ended well, and said exactly this on stdout.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        let ran = self.ends(0);
        assert_eq!(ran.text(), text, "stderr: {}", ran.err);
        ran
    }
}

/// The program, with nothing of the environment that changes what it says.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coap-ws"));
    command.env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    finish(program().args(args).spawn().unwrap())
}

/// The same with something on stdin.
#[track_caller]
pub(crate) fn run_with(stdin: &[u8], args: &[&str]) -> Ran {
    let mut child = program().args(args).stdin(Stdio::piped()).spawn().unwrap();
    // A program that does not read it all has its reasons.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    finish(child)
}

/// Waits for the end of a run, but not for ever.
#[track_caller]
pub(crate) fn finish(mut child: Child) -> Ran {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let out = thread::spawn(move || read_all(out));
    let err = thread::spawn(move || read_all(err));
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                let err = String::from_utf8_lossy(&err.join().unwrap()).into_owned();
                panic!("it does not end; stderr: {err}");
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let err = String::from_utf8(err.join().unwrap()).unwrap();
    Ran { code: status.code(), out: out.join().unwrap(), err }
}

fn read_all(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

/// Sends a signal to a run.
pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
    assert!(status.success());
}

/// A server that ends with this.
pub(crate) struct Served {
    child: Option<Child>,
    /// `127.0.0.1:PORT`: a short URI.
    pub(crate) at: String,
    lines: mpsc::Receiver<String>,
}

impl Served {
    /// `serve --demo` on a free port.
    #[track_caller]
    pub(crate) fn demo() -> Served {
        Served::with(&["--demo"])
    }

    /// `serve` on a free port, with more arguments.
    #[track_caller]
    pub(crate) fn with(args: &[&str]) -> Served {
        let mut child =
            program().args(["serve", "--listen", "127.0.0.1:0"]).args(args).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let at = first.trim_end().strip_prefix("listening on coap+ws://");
        let at = at.unwrap_or_else(|| panic!("`{first}` does not tell where it listens"));
        let (told, lines) = mpsc::channel();
        let err = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            err.lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        Served { at: at.to_owned(), child: Some(child), lines }
    }

    /// A short URI of a resource.
    pub(crate) fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.at)
    }

    /// Runs the client: the verb, more arguments, and a path for the URI.
    #[track_caller]
    pub(crate) fn ask(&self, args: &[&str], path: &str) -> Ran {
        run(&[args, &[&self.uri(path)]].concat())
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }

    /// Waits for a line on stderr that has this in it.
    #[track_caller]
    pub(crate) fn logs(&self, part: &str) -> String {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("no `{part}` in {seen:#?}");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ran {
        finish(self.child.take().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
