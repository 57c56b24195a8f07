//! Each example runs, by its own command.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Where cargo puts an example's program; built if a narrow `cargo test` did not.
fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("this test has a path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        let build = Command::new(env!("CARGO"))
            .args(["build", "-q", "-p", "coap-ws-tokio", "--example", name])
            .status();
        assert!(build.expect("cargo runs").success());
    }
    path
}

fn output(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    output
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn hello_server_and_get() {
    let server = Command::new(program("hello_server"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut server = Ended(server);
    let mut lines = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
    let line = lines.next().expect("it says where it listens").expect("a line of text");
    let base = line.strip_prefix("listening on ").expect("an address");
    for (path, text) in [
        ("/hello", "hello from coap-ws\n"),
        ("/hello/you", "hello you\n"),
        ("/note", "nothing yet"),
        ("/.well-known/core", "</hello>;title=\"a greeting\",</note>"),
    ] {
        let output = output(Command::new(program("get")).arg(format!("{base}{path}")));
        assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
    let missing = Command::new(program("get")).arg(format!("{base}/nowhere")).output();
    assert!(!missing.expect("it runs").status.success());
    #[cfg(unix)]
    {
        let interrupt = Command::new("kill").args(["-INT", &server.0.id().to_string()]).status();
        assert!(interrupt.expect("it runs").success());
        let last = lines.next().expect("it says good bye").expect("a line of text");
        assert!(last.contains("good bye"), "{last}");
        assert!(server.0.wait().expect("it ends").success());
    }
}

#[test]
fn device_dials_out() {
    let output = output(&mut Command::new(program("device_dials_out")));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text.lines().filter(|line| line.ends_with("says 22.5 degrees")).count(),
        3,
        "{text}"
    );
}
