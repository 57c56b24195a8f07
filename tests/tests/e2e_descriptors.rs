//! A server that has no more descriptors goes on when it has some again (T08).

mod e2e_support;

use e2e_support::{HANG, SECOND, app};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Set in the process with few descriptors.
const CHILD: &str = "COAP_WS_TEST_CHILD";

/// In a process of its own: a server on a free port, which it prints, until it is ended.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = e2e_support::serve(app()).await;
        println!("port {}", server.port);
        sleep(10 * HANG).await;
    });
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Clock ticks of processor time, 100 a second.
fn ticks(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

// T08
#[cfg(target_os = "linux")]
#[tokio::test]
async fn t08_accepting_pauses_without_descriptors_and_recovers() {
    let binary = std::env::current_exe().unwrap();
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" --exact child --nocapture"])
        .arg(binary)
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let line = lines.map_while(Result::ok).find_map(|line| {
        let at = line.find("port ")?;
        line[at + 5..].trim().parse::<u16>().ok()
    });
    let port = line.expect("it listens");
    let base = format!("coap+ws://127.0.0.1:{port}");

    let early = coap_ws_tokio::Client::connect(&base).await.unwrap();
    let crowd: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    sleep(SECOND / 2).await;
    let before = ticks(child.0.id());
    // Who was there before is served all the same.
    for _ in 0..20 {
        assert_eq!(early.get("/hello").send().await.unwrap().text().unwrap(), "hi");
        sleep(Duration::from_millis(100)).await;
    }
    let spent = ticks(child.0.id()) - before;
    assert!(spent < 100, "{spent} ticks in two seconds: it spins");
    let late = tokio::spawn(async move { coap_ws_tokio::Client::connect(&base).await });
    sleep(SECOND / 2).await;
    assert!(!late.is_finished(), "there is no room for one more");
    drop(crowd);
    let late = timeout(HANG, late).await.expect("it gets in").unwrap().unwrap();
    assert_eq!(late.get("/hello").send().await.unwrap().text().unwrap(), "hi");
}
