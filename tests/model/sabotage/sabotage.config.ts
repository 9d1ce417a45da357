import { relative } from 'node:path'
import { mergeConfig, type Plugin } from 'vitest/config'
import config from '../../../vitest.config.ts'
import { faultOf, plant, planted, root } from './judged.ts'

/**
 * Returns a plugin that replaces the line of the fault in MODEL_FAULT when its file is loaded, and
 * prints that it has.
 */
function saboteur(): Plugin {
  const fault = faultOf(process.env['MODEL_FAULT'])
  return {
    name: 'saboteur',
    enforce: 'pre',
    transform(code, id) {
      if (relative(root, id) !== fault.file) return undefined
      process.stdout.write(`${planted}\n`)
      return plant(fault, code)
    },
  }
}

// A cache of transformed files would give the server of the first fault to all others.
export default mergeConfig(config({ mode: 'test', command: 'serve' }), {
  root,
  plugins: [saboteur()],
  test: { fsModuleCache: false },
})
