//! Bytes as offset, hexadecimal and characters.

use crate::paint::Paint;
use crate::text;

/// The most bytes that are shown: a terminal is no place for more.
const MOST: usize = 1024;

/// Sixteen bytes a line.
pub(super) fn dump(bytes: &[u8], paint: Paint) -> String {
    let shown = bytes.get(..MOST).unwrap_or(bytes);
    let mut lines: Vec<String> =
        shown.chunks(16).enumerate().map(|(index, row)| line(index * 16, row, paint)).collect();
    if shown.len() < bytes.len() {
        let rest = text::count(bytes.len() - shown.len(), "byte");
        lines.push(paint.dim(format!("… {rest} more; -o FILE keeps them all")));
    }
    lines.join("\n")
}

fn line(offset: usize, row: &[u8], paint: Paint) -> String {
    let (left, right) = row.split_at(row.len().min(8));
    let characters: String = row.iter().map(|byte| character(*byte)).collect();
    let hex = format!("{:<23}  {:<23}", text::spaced(left), text::spaced(right));
    format!("{}  {hex}  {}", paint.dim(format!("{offset:08x}")), paint.dim(characters))
}

fn character(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::dump;
    use crate::paint::Paint;

    #[test]
    fn sixteen_bytes_a_line() {
        let bytes: Vec<u8> = (0x38..0x4a).collect();
        assert_eq!(
            dump(&bytes, Paint::plain()),
            "00000000  38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47  89:;<=>?@ABCDEFG\n\
             00000010  48 49                                             HI"
        );
    }

    #[test]
    fn much_is_cut() {
        let shown = dump(&[0; 2024], Paint::plain());
        assert_eq!(shown.lines().count(), 65);
        assert!(shown.ends_with("… 1,000 bytes more; -o FILE keeps them all"));
    }
}
