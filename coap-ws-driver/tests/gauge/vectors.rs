//! The vectors of `frames.json`, under every cut.

use crate::*;

#[test]
fn the_vectors_of_frames_json() {
    let vectors = include_str!("../../../tests/data/frames.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    for vector in vectors.as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let gauge = match vector["receiver"].as_str().unwrap() {
            "server" => server(),
            "client" => client(),
            other => panic!("{name}: {other}"),
        };
        let bytes = bytes_of(vector["hex"].as_str().unwrap());
        let told = walk_every_cut(&gauge, &bytes);
        let expect = &vector["expect"];
        if expect["ok"].as_bool().unwrap() {
            let kinds: Vec<_> =
                expect["messages"].as_array().unwrap().iter().map(kind_of).collect();
            assert_eq!(without_fragments(told.ends), kinds, "{name}");
            assert_eq!((told.passed, told.outcome), (bytes.len(), Ok(false)), "{name}");
        } else {
            let code = u64::from(told.outcome.expect_err(name).close_code());
            assert_eq!(Some(code), expect["close_code"].as_u64(), "{name}");
        }
    }
}

fn kind_of(message: &serde_json::Value) -> FrameEnd {
    match message.as_str().unwrap().split_once(':').unwrap().0 {
        "binary" => FrameEnd::Message(Binary),
        "text" => FrameEnd::Message(Text),
        "ping" => FrameEnd::Ping,
        "pong" => FrameEnd::Pong,
        "close" => FrameEnd::Close,
        other => panic!("{other}"),
    }
}
