//! What a request costs: pipelined GETs against a server in a process of its own.
//!
//!     cargo run --release -p coap-ws-tokio --example load
//!
//! Prints requests a second, and processor seconds of either process for 100,000 requests.

use coap_ws_tokio::{Client, Router, Server};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Connections, and requests in flight on each.
const SHAPES: [(usize, usize); 3] = [(1, 1), (1, 64), (50, 16)];
const TIME: Duration = Duration::from_secs(3);

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve().await;
    }
    let program = std::env::current_exe()?;
    let child = Command::new(program).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut child = Ended(child);
    let out = child.0.stdout.take().ok_or("it has an output")?;
    let base = BufReader::new(out).lines().next().ok_or("it says where it listens")??;
    println!("connections × in flight   requests/s   server CPU s/100k   client CPU s/100k");
    for (connections, in_flight) in SHAPES {
        run(&base, connections, in_flight, Duration::from_millis(300)).await?;
        let (start, server) = (Instant::now(), cpu(child.0.id())?);
        let client = cpu(std::process::id())?;
        let count = run(&base, connections, in_flight, TIME).await?;
        let seconds = start.elapsed().as_secs_f64();
        let server = (cpu(child.0.id())? - server) * 100_000.0 / count as f64;
        let client = (cpu(std::process::id())? - client) * 100_000.0 / count as f64;
        let rate = count as f64 / seconds;
        println!("{connections:>11} × {in_flight:<9} {rate:>12.0} {server:>19.3} {client:>19.3}");
    }
    Ok(())
}

async fn serve() -> Result<(), Failure> {
    let server = Server::bind("127.0.0.1:0").await?;
    for address in server.local_addrs() {
        println!("coap+ws://{address}");
    }
    Ok(server.serve(Router::new().get("/hello", async || "hi")).await?)
}

/// How many requests are answered in a time.
async fn run(
    base: &str,
    connections: usize,
    flight: usize,
    time: Duration,
) -> Result<u64, Failure> {
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let client = Client::connect(base).await?;
        for _ in 0..flight {
            let client = client.clone();
            tasks.push(tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    client.get("/hello").send().await?.success()?;
                    count += 1;
                }
                Ok::<u64, Failure>(count)
            }));
        }
    }
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(count)
}

/// Processor seconds of a process so far (Linux: ticks of 10 ms).
fn cpu(id: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
