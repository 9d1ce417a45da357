import { writeFileSync } from 'node:fs'
import { syncFile, writeFlushed } from '@tony/mcp-server/store/file-sync'

/** Writes a file with a flush in between whose error nobody handles, as the worker of a backup. */
const [, , file = ''] = process.argv
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

function flush(run: () => void): string {
  try {
    run()
    return 'done'
  } catch (error) {
    return codeOf(error)
  }
}

let between = ''
const last = flush(() =>
  writeFlushed(file, () => {
    writeFileSync(file, 'content')
    between = flush(() => syncFile(file))
  }),
)
process.stdout.write(JSON.stringify({ between, last }))
