//! A backend for bench.yaml, on 127.0.0.1:8085: some keys below /v1, for whoever has the token. Only for tests; it reads no
//! more of HTTP than the bench needs.

use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::{TcpListener, TcpStream};

const TOKEN: &str = "token-of-the-bench";

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8085")?;
    for connection in listener.incoming().flatten() {
        std::thread::spawn(move || serve(connection));
    }
    Ok(())
}

/// Requests of a connection, until it ends.
fn serve(mut connection: TcpStream) -> Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    while let Some(request) = lines.next() {
        let request = request?;
        let mut allowed = false;
        for field in lines.by_ref() {
            let field = field?;
            if field.is_empty() {
                break;
            }
            let (name, value) = field.split_once(':').unwrap_or_default();
            allowed |=
                name.eq_ignore_ascii_case("authorization") && value.trim() == format!("Bearer {TOKEN}");
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match value(path.trim_start_matches("/v1/")) {
            _ if !allowed => (401, Vec::new()),
            _ if path.starts_with("/v1/closed/") => (403, Vec::new()),
            Some(value) => (200, value),
            None => (404, Vec::new()),
        };
        write!(connection, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n", body.len())?;
        connection.write_all(&body)?;
    }
    Ok(())
}

fn value(key: &str) -> Option<Vec<u8>> {
    Some(match key {
        "app/login" => {
            br#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#.to_vec()
        }
        "app/greeting" => "Grüße aus Zürich – 你好 🗝".into(),
        "app/large" => vec![b'x'; 65_536],
        "app/bytes" => vec![0, 159, 146, 150, 255, 10, 13, 0],
        many => format!("value-of-{}", many.strip_prefix("many/k-")?).into(),
    })
}
