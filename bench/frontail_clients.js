// Viewers of frontail: as many sockets as told, each of which notes when every line came (monotonic, in ns).
const [folder, port, log, viewers, lines] = process.argv.slice(2);
const io = require(`${folder}/node_modules/socket.io-client`);
const room = require("crypto").createHash("md5").update(log).digest("hex");

const arrivals = [];
let connected = 0, finished = 0;
for (let number = 0; number < Number(viewers); number++) {
  const own = [];
  arrivals.push(own);
  const socket = io(`http://127.0.0.1:${port}/${room}`, { transports: ["websocket"], forceNew: true });
  socket.on("connect", () => {
    connected += 1;
    if (connected === Number(viewers)) console.log("ready");
  });
  socket.on("line", () => {
    own.push(Number(process.hrtime.bigint()));
    if (own.length !== Number(lines)) return;
    finished += 1;
    if (finished === Number(viewers)) process.stdout.write(`${JSON.stringify(arrivals)}\n`);
  });
}
