//! A WebSocket: each text message is a JSON-RPC message. Not a transport of the specification, but what
//! the Python SDK 1.x and many daemons speak, with the subprotocol `mcp` or none.

use bellwether_storage::Clock;
use futures::SinkExt as _;
use tokio_tungstenite::tungstenite::Message as Frame;
use url::Url;

use super::DURATION;
use super::channel::{Call, Era, Reply, Taken, take};
use super::message::{MESSAGE_BYTES_MAX, MESSAGES_BETWEEN_MAX, notification, parse, request};
use crate::module::McpSettings;
use crate::recorder::{Failure, Recorder};
use crate::websocket::{Opening, Socket, next_message, open, send_message};

pub(super) struct WebSocketChannel {
    socket: Socket,
    next_id: u64,
    pub(super) late: Option<Reply>,
}

impl WebSocketChannel {
    pub(super) async fn open(
        recorder: &mut Recorder,
        settings: &McpSettings,
        url: &Url,
        clock: &dyn Clock,
    ) -> Result<Self, Failure> {
        let opening = |subprotocol| Opening {
            url,
            client: &settings.client,
            address: settings.address,
            phases: DURATION,
            handshake_phase: "handshake",
            subprotocol,
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        let socket = match open(recorder, &opening(Some("mcp")), clock).await {
            Ok(socket) => socket,
            // A client may not go on with a server that does not choose what it offered.
            Err(refused) if refused.is_subprotocol => {
                recorder.note("the server knows no subprotocol mcp: once more without");
                open(recorder, &opening(None), clock).await?
            }
            Err(refused) => return Err(refused.into()),
        };
        Ok(Self {
            socket,
            next_id: 1,
            late: None,
        })
    }

    pub(super) async fn call(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        call: &Call<'_>,
    ) -> Result<Reply, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let text = request(id, call.method, &call.params_in(era));
        self.send(text).await?;
        for _ in 0..MESSAGES_BETWEEN_MAX {
            let text = next_message(&mut self.socket).await?;
            for message in parse(text.as_bytes()).map_err(Failure::new)? {
                match take(recorder, message, id, &mut self.late) {
                    Taken::Reply(reply) => return Ok(reply),
                    Taken::Say(text) => self.send(text).await?,
                    Taken::Other => {}
                }
            }
        }
        Err(Failure::new(format!(
            "no answer to {} among {MESSAGES_BETWEEN_MAX} messages",
            call.method
        )))
    }

    pub(super) async fn notify(&mut self, method: &'static str) -> Result<(), Failure> {
        self.send(notification(method)).await
    }

    async fn send(&mut self, text: String) -> Result<(), Failure> {
        send_message(&mut self.socket, Frame::text(text)).await
    }

    pub(super) async fn close(&mut self) {
        // The probe is over: whether the peer says farewell changes nothing.
        self.socket.send(Frame::Close(None)).await.ok();
    }
}
