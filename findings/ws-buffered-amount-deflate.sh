#!/usr/bin/env bash
# ws 8.23.0 with permessage-deflate: bufferedAmount counts messages at their size before
# compression.
#
# Guess before running: bufferedAmount is what waits for the network, so for messages that compress
# a thousandfold it is a thousandth of their text.
# Seen: until a message has been compressed it counts with its full length. Twenty messages of 1 MB
# that leave as about 1 kB each show as 20,000,000 bytes, and the number falls by whole messages as
# the compressor (one at a time) gets to them, not as the peer reads. A rule that cuts off slow
# readers by bufferedAmount cuts off fast readers of text that compresses well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund ws@8.23.0
cat > run.mjs <<'END'
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true })
await once(server, 'listening')
const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`)
const [socket, request] = await once(server, 'connection')
const before = request.socket.bytesWritten
let received = 0
const all = new Promise((resolve) => client.on('message', () => (received += 1) === 20 && resolve()))
for (let n = 0; n < 20; n += 1) socket.send('x'.repeat(1_000_000))
console.log(`buffered: ${socket.bufferedAmount}`)
await all
const sent = request.socket.bytesWritten - before
console.log(`on the wire: ${sent < 100_000 ? 'less than 100000' : sent}`)
client.terminate()
server.close()
END
seen=$(node run.mjs)
echo "ws 8.23.0, node $(node --version)"
echo "$seen"
[ "$seen" = $'buffered: 20000000\non the wire: less than 100000' ] || { echo 'the behaviour changed'; exit 1; }
