import module from 'node:module'

/**
 * Resolves the files of drizzle-orm without Node. Node parses its package.json of 180 kB again for
 * each of hundreds of imports. With this file and the compile cache, a process on the sources
 * starts in 0.7 s of CPU time instead of 2.8, and a built command in 0.4 instead of 1.2. The file
 * is JavaScript, because Node would load a compiler for 50 ms in a process that needs none.
 */
const inside = /\/node_modules\/drizzle-orm\//
const found = new Map()

// An older Node has no such hooks and is only slower.
module.registerHooks?.({
  resolve(specifier, context, next) {
    const { parentURL = '' } = context
    if (specifier.startsWith('.') && specifier.endsWith('.js') && inside.test(parentURL))
      return { url: new URL(specifier, parentURL).href, format: 'module', shortCircuit: true }
    if (!specifier.startsWith('drizzle-orm') || inside.test(parentURL)) return next(specifier, context)
    const known = found.get(specifier)
    if (known) return known
    const resolved = next(specifier, context)
    found.set(specifier, { ...resolved, shortCircuit: true })
    return resolved
  },
})
