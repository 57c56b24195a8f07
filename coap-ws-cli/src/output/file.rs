//! An answer that goes to a file as it comes, however large it is.

use crate::errors::{Attempt, Failure};
use crate::exit::Exit;
use crate::paint::Paint;
use crate::progress::Bar;
use crate::say;
use crate::text;
use bytes::BytesMut;
use coap_ws_tokio::StreamedResponse;
use coap_ws_tokio::core::message::Code;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes the payload of a success to a file, which is whole or not there; tells the rest as
/// [`deliver`](super::deliver) does.
pub(crate) async fn save(
    mut response: StreamedResponse,
    path: &Path,
    bar: &Bar,
    attempt: &Attempt,
) -> Result<Exit, Failure> {
    let code = response.head().code();
    if !code.is_success() || code == Code::EMPTY {
        // Small: the text of an error, or nothing.
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(|e| Failure::of(&e, attempt))? {
            body.extend_from_slice(&part);
        }
        let whole = response.head().clone().payload(body.freeze());
        return super::deliver(&whole, Some(path));
    }
    let mut file = Part::create(path)?;
    loop {
        match response.chunk().await {
            Ok(Some(part)) => file.write(&part)?,
            Ok(None) => break,
            Err(error) => {
                bar.clear();
                return Err(Failure::of(&error, attempt));
            }
        }
    }
    bar.clear();
    let head = super::status(response.head(), Paint::stderr());
    let count = text::count(usize::try_from(response.read()).unwrap_or(usize::MAX), "byte");
    say::note(&if response.read() > 0 { format!("{head}  {count}") } else { head });
    file.keep()?;
    say::note(&format!("{count} written to {}", path.display()));
    Ok(Exit::of(code))
}

/// A file in the making, beside the one that it is to become.
struct Part {
    file: File,
    part: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Part {
    fn create(path: &Path) -> Result<Part, Failure> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // A device or a pipe is written to as it is.
        let special = path.metadata().is_ok_and(|found| !found.is_file());
        let part = if special { path.to_owned() } else { part };
        let file = File::create(&part).map_err(|error| failed(path, &error))?;
        Ok(Part { file, part, path: path.to_owned(), kept: special })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| failed(&self.path, &error))
    }

    fn keep(mut self) -> Result<(), Failure> {
        if !self.kept {
            std::fs::rename(&self.part, &self.path).map_err(|error| failed(&self.path, &error))?;
            self.kept = true;
        }
        Ok(())
    }
}

impl Drop for Part {
    /// What is not whole is not left behind.
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot write to {}: {error}", path.display()),
        "the answer came, but the file cannot be written",
        "a directory that exists and may be written to",
    )
}
