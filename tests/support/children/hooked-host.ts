import { execFile } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/**
 * A host with a bridge as its child process. For each line `<event> <host> <input>` on standard
 * input it runs the command's hook, and for `wait <what> <option>` the command's wait. It prints
 * the output of the hook as JSON.
 */
const [, , program = '', url = '', stateDir = '', bridged = 'yes'] = process.argv
const env = { TONY_MCP_URL: url, TONY_MCP_STATE_DIR: stateDir }
const client = new Client({ name: 'hooked-host', version: '1.0.0' })
if (bridged === 'yes') {
  const transport = new StdioClientTransport({ command: process.execPath, args: [program, 'mcp'], env })
  await client.connect(transport)
  process.stdout.write(`bridge ${transport.pid}\n`)
  const { structuredContent } = await client.callTool({ name: 'who', arguments: {} })
  process.stdout.write(`is ${JSON.stringify(structuredContent)}\n`)
}

let count = 0
createInterface({ input: process.stdin }).on('line', (line) => {
  count += 1
  const [event = '', host = '', input = '{}'] = line.split(' ')
  const nth = count
  if (event === 'call') {
    client.callTool({ name: host, arguments: {} }).then((answer) => {
      process.stdout.write(`${nth} ${JSON.stringify(answer)}\n`)
    })
    return
  }
  const rest = event === 'wait' ? `wait --session --for ${host} ${input}` : `hook ${event} --host ${host}`
  const command = `'${process.execPath}' '${program}' ${rest}`
  const hook = execFile('sh', ['-c', command], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
    process.stdout.write(`${nth} ${JSON.stringify({ code: error ? error.code : 0, stdout, stderr })}\n`)
  })
  hook.stdin?.end(event === 'wait' ? '' : input)
})
