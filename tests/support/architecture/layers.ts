import { type Import, importsOf } from './imports.ts'
import type { Rule } from './source.ts'

/**
 * The layers that each layer may import besides itself. A layer is a folder of `server/src` or one
 * of the other packages. The order is that of the layers, lowest first: no layer imports a higher
 * one.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  tools: ['shared'],
  platform: ['shared'],
  store: ['shared', 'platform'],
  domain: ['shared', 'platform', 'store'],
  operations: ['shared', 'platform', 'store', 'domain'],
  guards: ['shared', 'platform', 'store', 'domain'],
  api: ['shared', 'platform', 'store', 'domain', 'operations', 'guards'],
  sweeps: ['shared', 'platform', 'store', 'domain', 'operations'],
  transports: ['shared', 'platform', 'domain', 'guards', 'api', 'tools'],
  maintenance: ['shared', 'platform', 'store', 'domain'],
  server: ['shared', 'platform', 'store', 'domain', 'operations', 'sweeps', 'guards', 'transports'],
}

/** The imports of the packages besides the server. */
const packagesMayImport: Readonly<Record<string, readonly string[]>> = {
  client: ['shared'],
  dashboard: ['shared', 'client'],
  bridge: ['shared', 'tools', 'client'],
  cli: ['shared', 'client', 'bridge', 'server', 'platform', 'maintenance'],
}

const allowed: Readonly<Record<string, readonly string[]>> = { ...mayImport, ...packagesMayImport }

/**
 * Files directly in `server/src` that do not belong to the layer `server`, because every layer may
 * use the configuration.
 */
const platformFiles = ['server/src/config.ts', 'server/src/limits.ts']

/**
 * Returns the layer of a file: its folder in the server, or its package. Undefined for an external
 * package.
 */
export function layerOf(path: string): string | undefined {
  const [workspace = '', src, folder = '', ...rest] = path.split('/')
  if (src !== 'src') return undefined
  if (workspace !== 'server') return workspace
  if (rest.length > 0) return folder
  return platformFiles.includes(path) ? 'platform' : 'server'
}

/** Returns the noun of an operation: `tasks` for `server/src/operations/tasks/claim.ts`. */
const nounOf = (path: string): string | undefined => /^server\/src\/operations\/([^/]+)\//.exec(path)?.[1]

/** Returns the reason why an import is wrong; undefined if it is right. */
function problemOf({ from, to }: Import): string | undefined {
  const [layer, target] = [layerOf(from), layerOf(to)]
  if (layer === undefined || target === undefined) return undefined
  if (layer !== target) return allowed[layer]?.includes(target) ? undefined : `${layer} imports ${target} (${to})`
  const [noun, other] = [nounOf(from), nounOf(to)]
  return noun === other ? undefined : `the operations of ${noun} import those of ${other} (${to})`
}

/** Finds imports of a higher layer, and imports between the operations of two nouns. */
export const layers: Rule = (sources) =>
  sources.flatMap(importsOf).flatMap((one) => {
    const problem = problemOf(one)
    return problem === undefined ? [] : [`${one.where}: ${problem}`]
  })

export const unknownLayers: Rule = (sources) =>
  sources.filter(({ path }) => !((layerOf(path) ?? '') in allowed)).map(({ path }) => `${path}: belongs to no layer`)
