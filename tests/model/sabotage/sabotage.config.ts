import { relative } from 'node:path'
import { mergeConfig, type Plugin } from 'vitest/config'
import config from '../../../vitest.config.ts'
import { faultOf, plant, planted, root } from './judged.ts'

/** Changes the line of the fault that MODEL_FAULT holds while its file is loaded, and says that it has. */
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

// A cache of what was transformed would give every fault the first one's server.
export default mergeConfig(config({ mode: 'test', command: 'serve' }), {
  root,
  plugins: [saboteur()],
  test: { fsModuleCache: false },
})
