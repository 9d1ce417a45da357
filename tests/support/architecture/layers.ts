import { type Import, importsOf } from './imports.ts'
import type { Rule } from './source.ts'

/**
 * What each layer may import, beside itself. A layer of the server is a folder of `server/src`, or one of the other packages.
 * The order is the order of the layers, lowest first: nothing imports upwards.
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

/** The packages beside the server. */
const packagesMayImport: Readonly<Record<string, readonly string[]>> = {
  client: ['shared'],
  bridge: ['shared', 'tools', 'client'],
  cli: ['shared', 'client', 'bridge', 'server', 'platform', 'maintenance'],
}

const allowed: Readonly<Record<string, readonly string[]>> = { ...mayImport, ...packagesMayImport }

/** Files directly in `server/src` that are no part of `server`: what the environment says is known to every layer. */
const platformFiles = ['server/src/config.ts', 'server/src/limits.ts']

/** The layer of a file: its folder in the server, or its package. Undefined for a package from outside. */
export function layerOf(path: string): string | undefined {
  const [workspace = '', src, folder = '', ...rest] = path.split('/')
  if (src !== 'src') return undefined
  if (workspace !== 'server') return workspace
  if (rest.length > 0) return folder
  return platformFiles.includes(path) ? 'platform' : 'server'
}

/** The noun an operation belongs to: `tasks` for `server/src/operations/tasks/claim.ts`. */
const nounOf = (path: string): string | undefined => /^server\/src\/operations\/([^/]+)\//.exec(path)?.[1]

/** Why an import is wrong; undefined for one that is right. */
function problemOf({ from, to }: Import): string | undefined {
  const [layer, target] = [layerOf(from), layerOf(to)]
  if (layer === undefined || target === undefined) return undefined
  if (layer !== target) return allowed[layer]?.includes(target) ? undefined : `${layer} imports ${target} (${to})`
  const [noun, other] = [nounOf(from), nounOf(to)]
  return noun === other ? undefined : `the operations of ${noun} import those of ${other} (${to})`
}

/** Imports run downwards, and the operations of one noun know nothing of those of another. */
export const layers: Rule = (sources) =>
  sources.flatMap(importsOf).flatMap((one) => {
    const problem = problemOf(one)
    return problem === undefined ? [] : [`${one.where}: ${problem}`]
  })

export const unknownLayers: Rule = (sources) =>
  sources.filter(({ path }) => !((layerOf(path) ?? '') in allowed)).map(({ path }) => `${path}: belongs to no layer`)
