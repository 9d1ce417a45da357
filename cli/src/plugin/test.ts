import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * `tony-mcp plugin test`: runs the tests that Node finds in the folder, and exits with their exit
 * code.
 */
export async function testPlugins(folder = '.'): Promise<void> {
  const child = spawn(process.execPath, ['--test'], { cwd: folder, stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  process.exitCode = typeof code === 'number' ? code : 1
}
