import { readFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Plants the faults of PLANTED_FAULTS in the sources that a process loads, and in those of its
 * workers. A fault whose line is not in its file exactly once ends the process.
 */
const faults = JSON.parse(process.env['PLANTED_FAULTS'] ?? '[]')
const root = new URL('../../../', import.meta.url)

module.registerHooks({
  load(url, context, next) {
    const planted = faults.filter(({ file }) => url === new URL(file, root).href)
    if (planted.length === 0) return next(url, context)
    let source = readFileSync(fileURLToPath(url), 'utf8')
    for (const { name, find, replace } of planted) {
      const parts = source.split(find)
      if (parts.length !== 2) throw new Error(`${name}: the line is there ${parts.length - 1} times`)
      source = parts.join(replace)
    }
    return { source, format: 'module-typescript', shortCircuit: true }
  },
})
