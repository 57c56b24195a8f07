//! The figures of RFC 7959 §3 and RFC 8323 §6, message by message.
//!
//! The two ends talk over nothing: what one sends is written down as the RFCs do, and handed to
//! the other as the bytes of a message.

use coap_ws_core::block::{
    Agreement, Bert, Block, BlockSize, More, Part, Piece, Progress, Received, RequestAssembly,
    ResponseAssembly, Room, Serving, Slices, acknowledge,
};
use coap_ws_core::message::{Code, Draft, Message, OptionNumber, encode_message, kind};
use std::collections::VecDeque;

/// Options, header and token of the messages here never have more bytes.
const FIXED: usize = 40;

/// Both ends, and all that was said.
struct World {
    said: Vec<String>,
    bert: Bert,
    /// Payload that there is room for, message by message; the last one stays.
    room: VecDeque<u32>,
}

impl World {
    fn new() -> World {
        World { said: Vec::new(), bert: Bert::Accepted, room: VecDeque::from([2000]) }
    }

    fn bert(room: &[u32]) -> World {
        World { bert: Bert::Agreed, room: room.iter().copied().collect(), ..World::new() }
    }

    fn room(&mut self) -> Room {
        let payload =
            if self.room.len() > 1 { self.room.pop_front().unwrap() } else { self.room[0] };
        Room::new(payload + FIXED as u32, FIXED)
    }

    /// Puts options and payload on the wire, writes them down, and gives the bytes.
    fn send(
        &mut self,
        code: Code,
        block1: Option<Block>,
        block2: Option<Block>,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut line = code.name().unwrap().to_string();
        let mut draft = Draft::<kind::Request>::new(code).payload(payload);
        for (name, number, block) in
            [(1, OptionNumber::BLOCK1, block1), (2, OptionNumber::BLOCK2, block2)]
        {
            let Some(block) = block else { continue };
            draft = draft.uint(number, block.to_uint());
            line += &format!(" {name}:{block}");
            if block.size().is_bert() && !payload.is_empty() {
                line += &format!("({})", payload.len());
            }
        }
        self.said.push(line);
        let mut bytes = vec![0; 70_000];
        let len = encode_message(&mut bytes, b"tok", &draft).unwrap();
        bytes.truncate(len);
        bytes
    }

    fn said(&self) -> String {
        self.said.join("\n")
    }

    /// A PUT or POST of a body; what the server has, and its last response.
    fn put(&mut self, method: Code, body: &[u8], server: &Server) -> (Vec<u8>, Vec<u8>) {
        let mut slices = Slices::new(body.len() as u64, server.first);
        let mut assembly = RequestAssembly::new(1 << 20);
        let mut held = Vec::new();
        loop {
            let room = self.room();
            let slice = slices.next(room, self.bert).unwrap().expect("not over");
            let request = self.send(method, Some(slice.block()), None, slice.of(body).unwrap());

            let request = Message::parse(&request).unwrap();
            let block = Block::of(&request, OptionNumber::BLOCK1).unwrap();
            let payload = request.payload();
            let piece = assembly.handle_block(block, payload.len(), self.bert).unwrap();
            store(&mut held, piece, payload);
            let (code, more) = match (piece.more, server.stateless) {
                (More::Yes, false) => (Code::CONTINUE, More::Yes),
                _ => (Code::CHANGED, More::No),
            };
            let block1 = acknowledge(block, more, server.largest, self.bert);
            let (block2, payload) = match (piece.more, &server.answer) {
                (More::No, Some((answer, asked))) => {
                    let slice = server.serving(answer, self).slice(*asked).unwrap();
                    (Some(slice.block()), slice.of(answer).unwrap())
                }
                _ => (None, &[][..]),
            };
            let response = self.send(code, Some(block1), block2, payload);

            let message = Message::parse(&response).unwrap();
            let block1 = Block::of(&message, OptionNumber::BLOCK1);
            match slices.handle_response(message.code(), block1, self.bert).unwrap() {
                Progress::Continue => {}
                Progress::Final => return (held, response),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Fetches the body of a response; `first` is a response that is already here.
    fn get(
        &mut self,
        method: Code,
        mut client: Client,
        body: &[u8],
        server: &Server,
        mut first: Option<Vec<u8>>,
    ) -> Vec<u8> {
        let mut held = Vec::new();
        if let Some(size) = client.early {
            client.assembly.limit_size(size);
        }
        loop {
            let response = match first.take() {
                Some(response) => response,
                None => {
                    let asked = client.assembly.request(self.bert).unwrap();
                    let request = self.send(method, None, asked, &[]);
                    let request = Message::parse(&request).unwrap();
                    let asked = Block::of(&request, OptionNumber::BLOCK2);
                    let slice = server.serving(body, self).slice(asked).unwrap();
                    let payload = slice.of(body).unwrap();
                    self.send(client.code, None, Some(slice.block()), payload)
                }
            };
            let message = Message::parse(&response).unwrap();
            let part = Part {
                block: Block::of(&message, OptionNumber::BLOCK2),
                len: message.payload().len(),
                etag: Agreement::Same,
                content_format: Agreement::Same,
            };
            let received = client.assembly.handle_block(part, self.bert).unwrap();
            let Received::Piece(piece) = received else { panic!("{received:?}") };
            store(&mut held, piece, message.payload());
            if !piece.more.is_set() {
                return held;
            }
            if let Some(size) = client.late {
                client.assembly.limit_size(size);
            }
        }
    }
}

struct Server {
    /// What the client begins with.
    first: BlockSize,
    /// What the server wants.
    largest: BlockSize,
    stateless: bool,
    /// The body of the response to the whole, and the Block2 option of the last request.
    answer: Option<(Vec<u8>, Option<Block>)>,
}

impl Server {
    fn new(largest: BlockSize) -> Server {
        Server { first: largest, largest, stateless: false, answer: None }
    }

    fn serving(&self, body: &[u8], world: &mut World) -> Serving {
        Serving {
            body_len: body.len() as u64,
            largest: self.largest,
            room: world.room(),
            bert: world.bert,
        }
    }
}

struct Client {
    assembly: ResponseAssembly,
    early: Option<BlockSize>,
    late: Option<BlockSize>,
    code: Code,
}

impl Client {
    fn new() -> Client {
        let assembly = ResponseAssembly::new(1 << 20);
        Client { assembly, early: None, late: None, code: Code::CONTENT }
    }
}

fn store(held: &mut Vec<u8>, piece: Piece, payload: &[u8]) {
    held.truncate(usize::try_from(piece.at).unwrap());
    assert_eq!(held.len() as u64, piece.at, "a hole");
    held.extend_from_slice(payload);
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

fn lines(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn get(client: Client, body_len: usize, largest: BlockSize) -> String {
    let mut world = World::new();
    let body = body(body_len);
    let held = world.get(Code::GET, client, &body, &Server::new(largest), None);
    assert_eq!(held, body);
    world.said()
}

fn put(body_len: usize, server: &Server) -> String {
    let mut world = World::new();
    let body = body(body_len);
    let (held, _) = world.put(Code::PUT, &body, server);
    assert_eq!(held, body);
    world.said()
}

// RFC 7959 figure 2. BLK-06, BLK-08
#[test]
fn a_simple_block_wise_get() {
    assert_eq!(
        get(Client::new(), 300, BlockSize::B128),
        lines(
            "GET
             Content 2:0/1/128
             GET 2:1/0/128
             Content 2:1/1/128
             GET 2:2/0/128
             Content 2:2/0/128"
        )
    );
}

// RFC 7959 figure 3. BLK-07
#[test]
fn a_get_with_early_negotiation() {
    assert_eq!(
        get(Client { early: Some(BlockSize::B64), ..Client::new() }, 340, BlockSize::B128),
        lines(
            "GET 2:0/0/64
             Content 2:0/1/64
             GET 2:1/0/64
             Content 2:1/1/64
             GET 2:2/0/64
             Content 2:2/1/64
             GET 2:3/0/64
             Content 2:3/1/64
             GET 2:4/0/64
             Content 2:4/1/64
             GET 2:5/0/64
             Content 2:5/0/64"
        )
    );
}

// RFC 7959 figure 4 (5 and 6 are the same to this layer). BERT-09
#[test]
fn a_get_with_late_negotiation() {
    assert_eq!(
        get(Client { late: Some(BlockSize::B64), ..Client::new() }, 340, BlockSize::B128),
        lines(
            "GET
             Content 2:0/1/128
             GET 2:2/0/64
             Content 2:2/1/64
             GET 2:3/0/64
             Content 2:3/1/64
             GET 2:4/0/64
             Content 2:4/1/64
             GET 2:5/0/64
             Content 2:5/0/64"
        )
    );
}

// BLK-07: ask 2:0/0/1024, server 2:0/1/64, next 2:1/0/64.
#[test]
fn the_client_goes_on_with_the_servers_smaller_size() {
    assert_eq!(
        get(Client { early: Some(BlockSize::B1024), ..Client::new() }, 130, BlockSize::B64),
        lines(
            "GET 2:0/0/1024
             Content 2:0/1/64
             GET 2:1/0/64
             Content 2:1/1/64
             GET 2:2/0/64
             Content 2:2/0/64"
        )
    );
}

// RFC 7959 figure 7. BLK-12, BLK-24
#[test]
fn a_simple_atomic_put() {
    assert_eq!(
        put(300, &Server::new(BlockSize::B128)),
        lines(
            "PUT 1:0/1/128
             Continue 1:0/1/128
             PUT 1:1/1/128
             Continue 1:1/1/128
             PUT 1:2/0/128
             Changed 1:2/0/128"
        )
    );
}

// RFC 7959 figure 8. BLK-12
#[test]
fn a_simple_stateless_put() {
    assert_eq!(
        put(300, &Server { stateless: true, ..Server::new(BlockSize::B128) }),
        lines(
            "PUT 1:0/1/128
             Changed 1:0/0/128
             PUT 1:1/1/128
             Changed 1:1/0/128
             PUT 1:2/0/128
             Changed 1:2/0/128"
        )
    );
}

// RFC 7959 figure 9. BLK-11
#[test]
fn an_atomic_put_with_negotiation() {
    assert_eq!(
        put(200, &Server { first: BlockSize::B128, ..Server::new(BlockSize::B32) }),
        lines(
            "PUT 1:0/1/128
             Continue 1:0/1/32
             PUT 1:4/1/32
             Continue 1:4/1/32
             PUT 1:5/1/32
             Continue 1:5/1/32
             PUT 1:6/0/32
             Changed 1:6/0/32"
        )
    );
}

// BLK-11: 1:0/1/1024 answered by 1:0/1/128 goes on with 1:8/1/128.
#[test]
fn the_client_scales_the_number_to_the_servers_size() {
    let said = put(1200, &Server { first: BlockSize::B1024, ..Server::new(BlockSize::B128) });
    assert_eq!(
        said,
        lines(
            "PUT 1:0/1/1024
             Continue 1:0/1/128
             PUT 1:8/1/128
             Continue 1:8/1/128
             PUT 1:9/0/128
             Changed 1:9/0/128"
        )
    );
}

fn post(early: Option<BlockSize>, answer_len: usize) -> String {
    let mut world = World::new();
    let (request, response) = (body(300), body(answer_len));
    let asked = early.map(Block::first);
    let server = Server { answer: Some((response.clone(), asked)), ..Server::new(BlockSize::B128) };
    let (held, first) = world.put(Code::POST, &request, &server);
    assert_eq!(held, request);
    let client = Client { early, code: Code::CHANGED, ..Client::new() };
    let held = world.get(Code::POST, client, &response, &server, Some(first));
    assert_eq!(held, response);
    world.said()
}

// RFC 7959 figure 10. BLK-18
#[test]
fn an_atomic_post_with_a_block_wise_response() {
    assert_eq!(
        post(None, 500),
        lines(
            "POST 1:0/1/128
             Continue 1:0/1/128
             POST 1:1/1/128
             Continue 1:1/1/128
             POST 1:2/0/128
             Changed 1:2/0/128 2:0/1/128
             POST 2:1/0/128
             Changed 2:1/1/128
             POST 2:2/0/128
             Changed 2:2/1/128
             POST 2:3/0/128
             Changed 2:3/0/128"
        )
    );
}

// RFC 7959 figure 11, whose last request of the first phase also asks 2:0/0/64. BLK-18
#[test]
fn a_block_wise_response_with_early_negotiation() {
    assert_eq!(
        post(Some(BlockSize::B64), 250),
        lines(
            "POST 1:0/1/128
             Continue 1:0/1/128
             POST 1:1/1/128
             Continue 1:1/1/128
             POST 1:2/0/128
             Changed 1:2/0/128 2:0/1/64
             POST 2:1/0/64
             Changed 2:1/1/64
             POST 2:2/0/64
             Changed 2:2/1/64
             POST 2:3/0/64
             Changed 2:3/0/64"
        )
    );
}

fn observe(registered: Option<Block>, largest: BlockSize) -> String {
    let mut world = World::new();
    let body = body(309);
    let server = Server::new(largest);
    let slice = server.serving(&body, &mut world).slice(registered).unwrap();
    let payload = slice.of(&body).unwrap();
    let notification = world.send(Code::CONTENT, None, Some(slice.block()), payload);
    let held = world.get(Code::GET, Client::new(), &body, &server, Some(notification));
    assert_eq!(held, body);
    world.said()
}

// RFC 7959 figure 12. BLK-19
#[test]
fn a_notification_is_a_first_block() {
    assert_eq!(
        observe(None, BlockSize::B128),
        lines(
            "Content 2:0/1/128
             GET 2:1/0/128
             Content 2:1/1/128
             GET 2:2/0/128
             Content 2:2/0/128"
        )
    );
}

// RFC 7959 figure 13. BLK-23
#[test]
fn the_registration_limits_the_size_of_notifications() {
    assert_eq!(
        observe(Some(Block::first(BlockSize::B64)), BlockSize::B128),
        lines(
            "Content 2:0/1/64
             GET 2:1/0/64
             Content 2:1/1/64
             GET 2:2/0/64
             Content 2:2/1/64
             GET 2:3/0/64
             Content 2:3/1/64
             GET 2:4/0/64
             Content 2:4/0/64"
        )
    );
}

// RFC 8323 figure 13: 3072 + 5120 + 4711 = 12903. BERT-01, BERT-03, BERT-04
#[test]
fn a_get_with_bert_blocks() {
    let mut world = World::bert(&[3500, 5999, 5000]);
    let body = body(12_903);
    let held = world.get(Code::GET, Client::new(), &body, &Server::new(BlockSize::Bert), None);
    assert_eq!(held, body);
    assert_eq!(
        world.said(),
        lines(
            "GET
             Content 2:0/1/BERT(3072)
             GET 2:3/0/BERT
             Content 2:3/1/BERT(5120)
             GET 2:8/0/BERT
             Content 2:8/0/BERT(4711)"
        )
    );
}

// RFC 8323 figure 14: the acknowledgement has the number of the request. BERT-08
#[test]
fn a_put_with_bert_blocks() {
    let mut world = World::bert(&[8192, 16_384]);
    let body = body(8192 + 16_384 + 5683);
    let (held, _) = world.put(Code::PUT, &body, &Server::new(BlockSize::Bert));
    assert_eq!(held, body);
    assert_eq!(
        world.said(),
        lines(
            "PUT 1:0/1/BERT(8192)
             Continue 1:0/1/BERT
             PUT 1:8/1/BERT(16384)
             Continue 1:8/1/BERT
             PUT 1:24/0/BERT(5683)
             Changed 1:24/0/BERT"
        )
    );
}

// BERT-09, BERT-11: NUM' = offset >> (SZX' + 4); a CSM below 1153 ends BERT, not the transfer.
#[test]
fn a_withdrawn_bert_goes_on_at_the_same_byte() {
    let mut slices = Slices::new(20_000, BlockSize::Bert);
    let room = |payload: u32| Room::new(payload + 40, 40);
    let slice = slices.next(room(8200), Bert::Agreed).unwrap().unwrap();
    assert_eq!((slice.block().to_string(), slice.range()), ("0/1/BERT".into(), 0..8192));
    let ack = acknowledge(slice.block(), More::Yes, BlockSize::Bert, Bert::Agreed);
    slices.handle_response(Code::CONTINUE, Some(ack), Bert::Agreed).unwrap();
    // The new CSM leaves room for 1024 bytes, then for 256, then for all that one could want.
    let slice = slices.next(room(1100), Bert::Offered).unwrap().unwrap();
    assert_eq!((slice.block().to_string(), slice.range()), ("8/1/1024".into(), 8192..9216));
    let slice = slices.next(room(300), Bert::Offered).unwrap().unwrap();
    assert_eq!((slice.block().to_string(), slice.range()), ("32/1/256".into(), 8192..8448));
    let slice = slices.next(room(9999), Bert::Agreed).unwrap().unwrap();
    assert_eq!((slice.block().to_string(), slice.range()), ("32/1/256".into(), 8192..8448));
}
