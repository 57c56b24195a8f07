//! The resources of a device: what is measured, what is switched, a log in flash, a configuration.

use crate::blocks::{Body, Terms, Upload};
use crate::log::LOG;
use crate::socket::{Application, Socket};
use coap_ws_core::block::Refusal;
use coap_ws_core::message::{
    Code, ContentFormat, Message, OptionNumber, Response, conditions_hold, knows_etag,
};
use coap_ws_core::{
    ConfigError, Connection, Event, Instant, NotifyError, ObserverId, RefusedWhy, Responder,
    Storage,
};
use core::fmt::Write as _;
use core::time::Duration;

const LINKS: &[u8] = b"</hello>;ct=0,</temperature>;ct=0;obs,</led>;ct=0;obs,</log>;ct=0;sz=3200,\
    </measure>;ct=0,</config>";

/// How long a measurement takes, and how many of a connection may wait for one.
const MEASUREMENT: Duration = Duration::from_millis(300);
const MEASURING: usize = 4;

const HELLO: &[u8] = b"hello from a device";

/// The device itself, which all connections share. `BODY` is the size of its configuration.
#[derive(Debug)]
pub struct Device<const BODY: usize> {
    temperature: i32,
    led: bool,
    config: heapless::Vec<u8, BODY>,
    configured: bool,
    format: Option<ContentFormat>,
    /// How often each thing has changed.
    versions: [u32; 3],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Thing {
    Temperature,
    Led,
    Config,
}

impl<const BODY: usize> Default for Device<BODY> {
    fn default() -> Self {
        let config = heapless::Vec::new();
        Device {
            temperature: 215,
            led: false,
            config,
            configured: false,
            format: None,
            versions: [1; 3],
        }
    }
}

impl<const BODY: usize> Device<BODY> {
    /// The sensor was read, in tenths of a degree. Nodes tell their observers at their next
    /// [`handle_timeout`](Node::handle_timeout).
    pub fn sense(&mut self, tenths: i32) {
        if self.temperature != tenths {
            self.temperature = tenths;
            self.changed(Thing::Temperature);
        }
    }

    /// Whether the light is on.
    pub fn led(&self) -> bool {
        self.led
    }

    fn changed(&mut self, thing: Thing) {
        if let Some(version) = self.versions.get_mut(thing as usize) {
            *version = version.wrapping_add(1);
        }
    }

    fn version(&self, thing: Thing) -> u32 {
        self.versions.get(thing as usize).copied().unwrap_or(0)
    }
}

/// A connection to the device, and what is the connection's own: `OBSERVERS` observations, and a
/// body on its way in. `FRAME` is as in [`Socket`].
#[derive(Debug)]
pub struct Node<S: Storage, const FRAME: usize, const BODY: usize, const OBSERVERS: usize> {
    socket: Socket<S, FRAME>,
    own: Own<BODY, OBSERVERS>,
}

#[derive(Debug)]
struct Own<const BODY: usize, const OBSERVERS: usize> {
    upload: Upload<BODY>,
    watches: heapless::Vec<Watch, OBSERVERS>,
    /// Who waits for a measurement, and until when it takes.
    measuring: heapless::Vec<(Responder, Instant), MEASURING>,
}

#[derive(Debug)]
struct Watch {
    observer: ObserverId,
    thing: Thing,
    /// The version that was told.
    told: u32,
}

/// Both, while a connection is served.
struct Serving<'a, const BODY: usize, const OBSERVERS: usize> {
    device: &'a mut Device<BODY>,
    own: &'a mut Own<BODY, OBSERVERS>,
}

impl<S: Storage, const FRAME: usize, const BODY: usize, const OBSERVERS: usize>
    Node<S, FRAME, BODY, OBSERVERS>
{
    /// A TCP connection that has just been accepted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the storage has too little room.
    pub fn new(now: Instant) -> Result<Self, ConfigError> {
        // The core refuses where its storage has fewer places for observers than we do.
        let own = Own {
            upload: Upload::default(),
            watches: heapless::Vec::new(),
            measuring: heapless::Vec::new(),
        };
        Ok(Node {
            socket: Socket::new(now, OBSERVERS, &[OptionNumber::BLOCK2, OptionNumber::BLOCK1])?,
            own,
        })
    }

    /// As [`Socket::handle_bytes`].
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8], device: &mut Device<BODY>) -> usize {
        self.socket.handle_bytes(now, bytes, &mut Serving { device, own: &mut self.own })
    }

    /// As [`Socket::handle_written`].
    pub fn handle_written(&mut self, now: Instant, count: usize, device: &mut Device<BODY>) {
        self.socket.handle_written(now, count, &mut Serving { device, own: &mut self.own });
    }

    /// As [`Socket::handle_end`].
    pub fn handle_end(&mut self, now: Instant, device: &mut Device<BODY>) {
        self.socket.handle_end(now, &mut Serving { device, own: &mut self.own });
    }

    /// It is `now`, or the device has changed.
    pub fn handle_timeout(&mut self, now: Instant, device: &mut Device<BODY>) {
        for watch in &mut self.own.watches {
            let version = device.version(watch.thing);
            if watch.told != version {
                watch.told = version;
                self.socket.connection().mark_changed(now, watch.observer);
            }
        }
        while let Some(at) = self.own.measuring.iter().position(|(_, until)| *until <= now) {
            let (responder, _) = self.own.measuring.swap_remove(at);
            let mut scratch = Scratch::default();
            let response = device.state(Thing::Temperature, &mut scratch).response();
            if let Err(refused) = self.socket.connection().respond(now, responder, &response) {
                // Once more when there is room; what nobody waits for any more is dropped.
                if refused.why == RefusedWhy::NoRoom {
                    let until = now.saturating_add(MEASUREMENT);
                    let _ = self.own.measuring.push((refused.responder, until));
                }
            }
        }
        self.socket.handle_timeout(now, &mut Serving { device, own: &mut self.own });
    }

    /// When to call [`handle_timeout`](Node::handle_timeout); `None` where nothing is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let measured = self.own.measuring.iter().map(|(_, until)| *until);
        measured.chain(self.socket.poll_timeout()).min()
    }

    /// The WebSocket, to ask it what it wants.
    pub const fn socket(&self) -> &Socket<S, FRAME> {
        &self.socket
    }
}

impl<S: Storage, const BODY: usize, const OBSERVERS: usize> Application<S>
    for Serving<'_, BODY, OBSERVERS>
{
    fn request(
        &mut self,
        now: Instant,
        connection: &mut Connection<S>,
        responder: Responder,
        message: &Message<'_>,
    ) {
        let responder = match self.measure(now, responder, message) {
            Ok(()) => return,
            Err(responder) => responder,
        };
        let (answered, thing) = {
            let mut scratch = Scratch::default();
            let (response, thing) = self.answer(Terms::of(connection), message, &mut scratch);
            let answered = match thing {
                Some(_) => connection.observe(now, responder, &response),
                None => connection.respond(now, responder, &response).map(|()| None),
            };
            (answered, thing)
        };
        match (answered, thing) {
            (Ok(Some(observer)), Some(thing)) => {
                let told = self.device.version(thing);
                self.own.watches.retain(|watch| watch.observer != observer);
                let _ = self.own.watches.push(Watch { observer, thing, told });
            }
            (Ok(_), _) => {}
            // No room for this one: where a short one has none either, the core answers 5.03.
            (Err(refused), _) => {
                let none = Response::new(Code::INTERNAL_SERVER_ERROR);
                let _ = connection.respond(now, refused.responder, &none);
            }
        }
    }

    fn event(&mut self, now: Instant, connection: &mut Connection<S>, event: Event) {
        match event {
            Event::NotificationDue(observer) => {
                let own = &mut self.own.watches;
                let Some(watch) = own.iter_mut().find(|watch| watch.observer == observer) else {
                    return;
                };
                let mut scratch = Scratch::default();
                let response = self.device.state(watch.thing, &mut scratch).response();
                watch.told = self.device.version(watch.thing);
                if let Err(NotifyError::Refused(_)) = connection.notify(now, observer, &response) {
                    // Once more when what is ahead of it has left.
                    watch.told = watch.told.wrapping_sub(1);
                }
            }
            Event::ObserverGone(observer) => {
                self.own.watches.retain(|watch| watch.observer != observer);
            }
            _ => {}
        }
    }
}

/// What a representation is written into.
#[derive(Default)]
struct Scratch {
    text: heapless::String<16>,
    etag: [u8; 4],
}

/// What a resource is at this moment.
struct Representation<'r> {
    body: &'r [u8],
    format: Option<ContentFormat>,
    etag: &'r [u8],
}

impl<'r> Representation<'r> {
    const fn of_flash(body: &'static [u8], format: ContentFormat) -> Representation<'r> {
        // It changes when the device is flashed: with the version of what is on it.
        let etag = env!("CARGO_PKG_VERSION").as_bytes();
        Representation { body, format: Some(format), etag }
    }

    fn response(&self) -> Response<'r> {
        let response = Response::content(self.body).option(OptionNumber::ETAG, self.etag);
        match self.format {
            Some(format) => response.content_format(format),
            None => response,
        }
    }

    /// The answer to a GET.
    fn answer(&self, terms: Terms, request: &Message<'_>) -> Response<'r> {
        if request.accept().is_some_and(|wanted| Some(wanted) != self.format) {
            return Response::new(Code::NOT_ACCEPTABLE);
        }
        if knows_etag(request, self.etag) {
            return Response::valid(self.etag);
        }
        terms.cut(request, self.body, self.response()).unwrap_or_else(refusal)
    }
}

fn is_at(message: &Message<'_>, segment: &str) -> bool {
    message.options_of(OptionNumber::URI_PATH).eq([segment.as_bytes()])
}

fn refusal<'r>(why: Refusal) -> Response<'r> {
    let response = Response::error(why.code(), why.describe());
    match why.size1() {
        Some(size) => response.uint(OptionNumber::SIZE1, size),
        None => response,
    }
}

impl<const BODY: usize, const OBSERVERS: usize> Serving<'_, BODY, OBSERVERS> {
    /// Keeps a request until it can be answered. It comes back where it is for something else, or
    /// where too many wait.
    fn measure(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &Message<'_>,
    ) -> Result<(), Responder> {
        if message.code() != Code::GET || !is_at(message, "measure") {
            return Err(responder);
        }
        let until = now.saturating_add(MEASUREMENT);
        self.own.measuring.push((responder, until)).map_err(|(responder, _)| responder)
    }

    /// The answer, and what may be observed with it.
    fn answer<'r>(
        &'r mut self,
        terms: Terms,
        message: &Message<'_>,
        scratch: &'r mut Scratch,
    ) -> (Response<'r>, Option<Thing>) {
        let mut path = message.options_of(OptionNumber::URI_PATH);
        let path = (path.next(), path.next(), path.next());
        let thing = match path {
            (Some(b"temperature"), None, _) => Some(Thing::Temperature),
            (Some(b"led"), None, _) => Some(Thing::Led),
            (Some(b"config"), None, _) => return (self.config(terms, message, scratch), None),
            _ => None,
        };
        let flash = match path {
            (Some(b"hello"), None, _) => Some((HELLO, ContentFormat::TEXT)),
            (Some(b"log"), None, _) => Some((&LOG[..], ContentFormat::TEXT)),
            (Some(b".well-known"), Some(b"core"), None) => {
                Some((LINKS, ContentFormat::LINK_FORMAT))
            }
            _ => None,
        };
        match (message.code(), thing, flash) {
            (Code::GET, Some(thing), _) => {
                (self.device.state(thing, scratch).answer(terms, message), Some(thing))
            }
            (Code::GET, _, Some((body, format))) => {
                (Representation::of_flash(body, format).answer(terms, message), None)
            }
            (Code::GET, ..) if is_at(message, "measure") => {
                (Response::error(Code::SERVICE_UNAVAILABLE, "measuring"), None)
            }
            (Code::PUT, Some(Thing::Led), _) => (self.device.switch(message), None),
            (_, None, None) => (Response::error(Code::NOT_FOUND, "no such resource"), None),
            _ => (Response::new(Code::METHOD_NOT_ALLOWED), None),
        }
    }

    fn config<'r>(
        &'r mut self,
        terms: Terms,
        message: &Message<'_>,
        scratch: &'r mut Scratch,
    ) -> Response<'r> {
        let Serving { device, own } = self;
        scratch.etag = device.version(Thing::Config).to_be_bytes();
        let there = device.configured;
        if !conditions_hold(message, there.then_some(&scratch.etag[..])) {
            return Response::new(Code::PRECONDITION_FAILED);
        }
        match message.code() {
            Code::GET if !there => Response::error(Code::NOT_FOUND, "not configured"),
            Code::GET => {
                let body = &device.config;
                let state = Representation { body, format: device.format, etag: &scratch.etag };
                state.answer(terms, message)
            }
            Code::PUT => match own.upload.take(terms, message) {
                Ok(Body::More(block)) => {
                    Response::new(Code::CONTINUE).uint(OptionNumber::BLOCK1, block.to_uint())
                }
                Ok(Body::Whole(bytes, block)) => {
                    device.configure(Some(bytes), message.content_format());
                    let response = if there { Response::changed() } else { Response::created() };
                    match block {
                        Some(block) => response.uint(OptionNumber::BLOCK1, block.to_uint()),
                        None => response,
                    }
                }
                Err(why) => refusal(why),
            },
            Code::DELETE => {
                device.configure(None, None);
                Response::deleted()
            }
            _ => Response::new(Code::METHOD_NOT_ALLOWED),
        }
    }
}

impl<const BODY: usize> Device<BODY> {
    /// What a small thing is like now: text of at most 16 bytes, so that a block of any size has
    /// all of it.
    fn state<'r>(&self, thing: Thing, scratch: &'r mut Scratch) -> Representation<'r> {
        let Scratch { text, etag } = scratch;
        let degrees = self.temperature.unsigned_abs();
        let written = match thing {
            Thing::Led => text.write_str(if self.led { "on" } else { "off" }),
            _ => {
                let sign = if self.temperature < 0 { "-" } else { "" };
                write!(text, "{sign}{}.{}", degrees / 10, degrees % 10)
            }
        };
        debug_assert!(written.is_ok(), "12 characters at most");
        *etag = self.version(thing).to_be_bytes();
        Representation { body: text.as_bytes(), format: Some(ContentFormat::TEXT), etag }
    }

    fn switch(&mut self, message: &Message<'_>) -> Response<'static> {
        let led = match message.payload() {
            b"on" => true,
            b"off" => false,
            _ => return Response::error(Code::BAD_REQUEST, "on or off"),
        };
        if core::mem::replace(&mut self.led, led) != led {
            self.changed(Thing::Led);
        }
        Response::changed()
    }

    /// Bytes that are not above `BODY`, as an upload sees to it; `None` for none at all.
    fn configure(&mut self, bytes: Option<&[u8]>, format: Option<ContentFormat>) {
        self.config.clear();
        let stored = self.config.extend_from_slice(bytes.unwrap_or_default());
        debug_assert!(stored.is_ok(), "no more than an upload takes");
        self.configured = bytes.is_some();
        self.format = format;
        self.changed(Thing::Config);
    }
}
