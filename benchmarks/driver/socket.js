// A Socket.IO client on raw frames: `ws` for the WebSocket, nothing parsed that is not looked at.
import WebSocket from "ws";

const TIMEOUT_MS = 60_000;
const OPEN = 0x30; // "0", Engine.IO's open
const PING = 0x32; // "2", Engine.IO's ping
const MESSAGE = 0x34; // "4", Engine.IO's message
const ACKNOWLEDGEMENT = 0x33; // "3", Socket.IO's ack, after MESSAGE
const ARRAY = 0x5b; // "["
const CONNECTED = Buffer.from("40{");
const REFUSED = Buffer.from("44{");
const NEW_MESSAGE = Buffer.from('42["newMessage",');
const SUCCESS = Buffer.from('"success":true');
const MARK = 0x7e; // "~": where a message's number starts in its text
export const NUMBER_DIGITS = 8;

export class ChatSocket {
  // onMessage(number) is called for each delivered message.
  constructor(onMessage = () => {}) {
    this.onMessage = onMessage;
    this.acknowledgements = new Map();
    this.nextAcknowledgement = 0;
    this.pings = 0;
    this.deliveries = 0;
    this.checksum = 0; // sum of the numbers of the delivered messages
    this.isClosed = false;
  }

  // Resolves when the server has accepted the token.
  open(port, token) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("not connected in time")), TIMEOUT_MS);
      const settled = (settle) => (value) => {
        clearTimeout(timer);
        this.connecting = null;
        settle(value);
      };
      this.connecting = { resolve: settled(resolve), reject: settled(reject), token };
      this.socket.on("message", (data) => this.#take(data));
      this.socket.on("error", (error) => this.connecting?.reject(error));
      this.socket.on("close", () => this.#closed());
    });
  }

  // Sends an event whose payload is JSON text; resolves with its acknowledgement.
  emit(event, payload) {
    const id = this.nextAcknowledgement++;
    const frame = `42${id}["${event}",${payload}]`;
    return new Promise((resolve, reject) => {
      this.acknowledgements.set(id, { resolve, reject });
      this.socket.send(frame);
    });
  }

  close() {
    this.socket.terminate();
  }

  #closed() {
    this.isClosed = true;
    this.connecting?.reject(new Error("closed while connecting"));
    for (const { reject } of this.acknowledgements.values()) reject(new Error("closed"));
  }

  #take(data) {
    if (startsWith(data, NEW_MESSAGE)) {
      this.#delivered(data);
    } else if (data.length === 1 && data[0] === PING) {
      this.pings += 1;
      this.socket.send("3");
    } else if (data[0] === MESSAGE && data[1] === ACKNOWLEDGEMENT) {
      this.#acknowledged(data);
    } else if (this.connecting) {
      this.#connecting(data);
    }
  }

  #delivered(data) {
    const start = data.indexOf(MARK, NEW_MESSAGE.length) + 1;
    if (start === 0) return;
    let number = 0;
    for (let at = start; at < start + NUMBER_DIGITS; at += 1) number = number * 10 + data[at] - 0x30;
    this.deliveries += 1;
    this.checksum += number;
    this.onMessage(number);
  }

  #acknowledged(data) {
    let id = 0;
    for (let at = 2; data[at] !== ARRAY; at += 1) id = id * 10 + data[at] - 0x30;
    const waiting = this.acknowledgements.get(id);
    this.acknowledgements.delete(id);
    if (data.includes(SUCCESS)) waiting?.resolve(data);
    else waiting?.reject(new Error(`refused: ${data}`));
  }

  #connecting(data) {
    if (data[0] === OPEN) {
      this.socket.send(`40${JSON.stringify({ token: this.connecting.token })}`);
    } else if (startsWith(data, CONNECTED)) {
      this.connecting.resolve(this);
    } else if (startsWith(data, REFUSED)) {
      this.connecting.reject(new Error(`refused: ${data}`));
    }
  }
}

function startsWith(data, prefix) {
  return data.length >= prefix.length && data.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
