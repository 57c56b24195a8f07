//! Which requests belong together (RFC 9175 §3.3, RFC 7959 §2.10).

use crate::message::{Message, OptionNumber, OptionRef};

/// Whether two requests of one connection are blocks of the same operation: method and all
/// [options that count](operation_options) are the same, byte for byte (EXT-08).
///
/// Whose requests they are is not in them: what is stored under a key belongs to one connection
/// (SEC-18).
///
/// ```
/// use coap_ws_core::block::same_operation;
/// use coap_ws_core::message::Message;
/// let first = Message::parse(&[0x01, 0x03, 0x07, 0xb1, b'x', 0xd1, 0x03, 0x08])?;
/// let next = Message::parse(&[0x01, 0x03, 0x08, 0xb1, b'x', 0xd1, 0x03, 0x10])?;
/// let other = Message::parse(&[0x01, 0x03, 0x09, 0xb1, b'y', 0xd1, 0x03, 0x10])?;
/// assert!(same_operation(&first, &next));
/// assert!(!same_operation(&first, &other));
/// # Ok::<(), coap_ws_core::message::FormatError>(())
/// ```
pub fn same_operation(a: &Message<'_>, b: &Message<'_>) -> bool {
    a.code() == b.code() && operation_options(a).eq(operation_options(b))
}

/// The options that tell operations apart, in the order of the wire: all but Block1 and Block2,
/// those that are elective and no part of a cache key (Size1, Size2, Echo), and If-None-Match,
/// which only the first block may have (BLK-20). Request-Tag counts as a list: none, an empty
/// one and a value are three different things.
pub fn operation_options<'m>(
    message: &Message<'m>,
) -> impl Iterator<Item = OptionRef<'m>> + use<'m> {
    message.options().filter(|option| counts(option.number))
}

/// Gives out the bytes of a key, piece by piece, to be stored or hashed: two requests have the
/// same ones exactly if they are the [same operation](same_operation). Neither the token nor
/// the payload is among them.
///
/// ```
/// use coap_ws_core::block::operation_key;
/// # use coap_ws_core::message::Message;
/// # let request = Message::parse(&[0x01, 0x03, 0x07, 0xb1, b'x', 0xd1, 0x03, 0x08])?;
/// let mut key = Vec::new();
/// operation_key(&request, |bytes| key.extend_from_slice(bytes));
/// # assert_eq!(key, [3, 0, 11, 0, 0, 0, 1, b'x']);
/// # Ok::<(), coap_ws_core::message::FormatError>(())
/// ```
pub fn operation_key(message: &Message<'_>, put: impl FnMut(&[u8])) {
    write_key(message, |_| true, put);
}

/// As [`operation_key`], but whether a request observes is of no account: the rest of a
/// notification is asked for by requests that do not (RFC 7959 §2.6; BLK-19). For what a server
/// keeps of a representation.
pub fn representation_key(message: &Message<'_>, put: impl FnMut(&[u8])) {
    write_key(message, |number| number != OptionNumber::OBSERVE, put);
}

fn write_key(
    message: &Message<'_>,
    wanted: impl Fn(OptionNumber) -> bool,
    mut put: impl FnMut(&[u8]),
) {
    put(&[message.code().to_byte()]);
    for option in operation_options(message).filter(|option| wanted(option.number)) {
        put(&option.number.get().to_be_bytes());
        // No option has so many bytes that this would not be exact.
        put(&u32::try_from(option.value.len()).unwrap_or(u32::MAX).to_be_bytes());
        put(option.value);
    }
}

fn counts(number: OptionNumber) -> bool {
    let varies =
        matches!(number, OptionNumber::BLOCK1 | OptionNumber::BLOCK2 | OptionNumber::IF_NONE_MATCH);
    !varies && (number.is_critical() || !number.is_no_cache_key())
}
