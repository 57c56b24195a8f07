//! The `config` lines of a transcript.

use coap_ws_core::message::OptionNumber;
use coap_ws_core::{Config, Rate};
use std::time::Duration;

/// Sets one field, by its name.
pub(super) fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    let wrong = || format!("`{name}` cannot be `{value}`");
    macro_rules! fields {
        ($($read:ident: $($field:ident).+;)*) => {
            match name {
                $(name if stringify!($($field).+).ends_with(&format!(".{name}")) => {
                    $($field).+ = $read(value).ok_or_else(wrong)?;
                })*
                _ => return Err(format!("there is no `{name}` to configure")),
            }
        };
    }
    fields! {
        yes: config.serves;
        options: config.understood;
        time: config.csm_timeout;
        time: config.request_timeout;
        time: config.answer_timeout;
        time: config.custody_timeout;
        time: config.ping_timeout;
        some_time: config.keepalive_interval;
        time: config.keepalive_timeout;
        time: config.drain_timeout;
        time: config.release_timeout;
        time: config.close_timeout;
        number: config.limits.max_message_size;
        number: config.limits.max_send_size;
        number: config.limits.min_peer_message_size;
        number: config.limits.max_exchanges;
        number: config.limits.max_requests;
        number: config.limits.max_observers;
        rate: config.limits.observe_changes;
        number: config.limits.max_options;
        number: config.limits.write_high;
        number: config.limits.write_low;
        rate: config.limits.empty;
        rate: config.limits.settings;
        rate: config.limits.unmatched;
    }
    Ok(())
}

/// A time: `90us`, `20ms` or `5s`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|char: char| !char.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let count = count.parse().ok()?;
    Some(match unit {
        "us" => Duration::from_micros(count),
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        _ => return None,
    })
}

fn some_time(text: &str) -> Option<Option<Duration>> {
    if text == "none" { Some(None) } else { time(text).map(Some) }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn yes(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// `5/s,2`: five a second, two at once.
fn rate(text: &str) -> Option<Rate> {
    let (per_second, burst) = text.split_once("/s,")?;
    Some(Rate { per_second: per_second.parse().ok()?, burst: burst.parse().ok()? })
}

/// `19,27`. What a test leaks is little.
fn options(text: &str) -> Option<&'static [OptionNumber]> {
    let numbers = text.split(',').map(|number| number.parse().ok().map(OptionNumber::new));
    Some(Vec::leak(numbers.collect::<Option<Vec<_>>>()?))
}
