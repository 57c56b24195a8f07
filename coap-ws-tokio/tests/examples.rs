//! Each example runs, by its own command.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
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

/// The status line of the answer to a plain HTTP request, and its text.
fn http(address: &str, path: &str, fields: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

/// A page, a REST route and CoAP on one port, and one policy.
#[test]
fn mounted_axum() {
    let server = Command::new(program("mounted_axum"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut server = Ended(server);
    let mut lines = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
    let line = lines.next().expect("it says where it listens").expect("a line of text");
    let address = line.rsplit("//").next().expect("an address");

    assert_eq!(http(address, "/", ""), ("HTTP/1.1 200 OK".into(), "<h1>21 °C</h1>".into()));
    let (base, runtime) = (format!("coap+ws://{address}"), tokio::runtime::Runtime::new());
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let client = coap_ws_tokio::Client::connect(&base).await.expect("it is let in");
        let put = client.put("/celsius").body("23.5").send().await.expect("it answers");
        assert!(put.code().is_success());
        // Large enough for blocks, and for more than one read of the upgraded stream.
        let long = "1".repeat(200_000);
        client.put("/celsius").body(long.clone()).send().await.expect("it answers");
        let got = client.get("/celsius").send().await.expect("it answers");
        assert!(got.body() == long.as_bytes());
        client.put("/celsius").body("23.5").send().await.expect("it answers");
        client.release().await;
    });
    let (status, text) = http(address, "/api/celsius", "");
    assert_eq!((&*status, &*text), ("HTTP/1.1 200 OK", "23.5"));

    // Somebody who only looks is told what the route is for; a foreign page is turned away.
    assert_eq!(http(address, "/.well-known/coap", "").0, "HTTP/1.1 426 Upgrade Required");
    let foreign = "Origin: https://evil.example\r\n";
    assert_eq!(http(address, "/.well-known/coap", foreign).0, "HTTP/1.1 403 Forbidden");
    #[cfg(unix)]
    {
        let interrupt = Command::new("kill").args(["-INT", &server.0.id().to_string()]).status();
        assert!(interrupt.expect("it runs").success());
        assert!(server.0.wait().expect("it ends").success());
    }
}

#[test]
fn observe() {
    let output = output(&mut Command::new(program("observe")));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text.lines().filter(|line| line.ends_with("s since the start")).count(),
        5,
        "{text}"
    );
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
