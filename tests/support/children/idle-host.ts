import { execFile } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/**
 * A host whose session is idle between its turns, with a bridge as its child process. Its wake
 * command appends the text to a file and signals this process, which begins a turn for every second
 * signal: the model reads its inbox, and the hook at the end of the turn is run until it shows
 * nothing. A line on standard input begins a turn too. Only the first host of a session begins one
 * by itself. The process ends with its bridge.
 */
const [, , program = '', url = '', stateDir = '', session = '', wakeFile = '', isFirst = ''] = process.argv
const wakeCommand = `printf '%s\\0' "$TONY_WAKE_TEXT" >> '${wakeFile}'; kill -USR2 ${process.pid}`
const env = { TONY_MCP_URL: url, TONY_MCP_STATE_DIR: stateDir, TONY_MCP_SESSION: session, TONY_MCP_WAKE: wakeCommand }
const transport = new StdioClientTransport({ command: process.execPath, args: [program, 'mcp'], env })
const client = new Client({ name: 'idle-host', version: '1.0.0' })
await client.connect(transport)
client.onclose = () => process.exit(3)

/** Runs the hook at the end of a turn. Returns its output, which is empty without a bridge. */
function endTurn(): Promise<string> {
  return new Promise((resolve) => {
    const environment = { ...process.env, TONY_MCP_STATE_DIR: stateDir, TONY_MCP_SESSION: session }
    const argv = [program, 'hook', 'stop', '--host', 'claude-code']
    const hook = execFile(process.execPath, argv, { env: environment }, (_, stdout) => resolve(stdout))
    hook.stdin?.end('{}')
  })
}

async function runTurn(): Promise<void> {
  do await client.callTool({ name: 'inbox', arguments: {} })
  while ((await endTurn()) !== '')
  process.stdout.write('turn ended\n')
}

let turns = Promise.resolve()
const beginTurn = () => {
  // A call that a kill interrupts is no error of this host.
  turns = turns.then(runTurn).catch(() => undefined)
}
let wakeCount = 0
process.on('SIGUSR2', () => {
  wakeCount += 1
  // A host may lose a wake.
  if (wakeCount % 2 === 0) beginTurn()
})
createInterface({ input: process.stdin }).on('line', beginTurn)
process.stdout.write(`bridge ${transport.pid}\n`)
if (isFirst === 'first') {
  const { structuredContent } = await client.callTool({ name: 'join', arguments: {} })
  process.stdout.write(`joined ${JSON.stringify(structuredContent)}\n`)
  beginTurn()
}
