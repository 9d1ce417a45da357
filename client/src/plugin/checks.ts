import { isTonyPlugin, type PluginDependency, PluginError, type TonyPlugin } from './plugin.ts'
import { isOlder, isRange, isVersion, satisfies } from './semver.ts'

/** The version of Tony that plugins must support, by default. */
export const tonyVersion = '2.8.0'

const invalidPluginError = (plugin: TonyPlugin, message: string): PluginError =>
  new PluginError('PLUGIN_INVALID', `plugin "${plugin.name}": ${message}`)

/**
 * Checks that a value is a plugin. Throws PluginError PLUGIN_INVALID, which names the missing part.
 */
export function checkPluginShape(value: unknown): asserts value is TonyPlugin {
  if (!isTonyPlugin(value) || value.name === '')
    throw new PluginError('PLUGIN_INVALID', 'a plugin is an object with a name and a version, both strings')
  if (!isVersion(value.version))
    throw invalidPluginError(value, `its version "${value.version}" is not of the form 1.2.3`)
  for (const field of ['minTonyVersion', 'maxTonyVersion'] as const) {
    const version = value[field]
    if (version !== undefined && !isVersion(version))
      throw invalidPluginError(value, `its ${field} "${version}" is not of the form 1.2.3`)
  }
  for (const { name, version } of value.dependencies ?? [])
    if (!isRange(version))
      throw invalidPluginError(value, `the version "${version}" of its dependency "${name}" is no range`)
}

/** Checks that the plugin supports this version of Tony. Throws PluginError PLUGIN_VERSION. */
export function checkTonyVersion({ name, minTonyVersion, maxTonyVersion }: TonyPlugin, version = tonyVersion): void {
  if (minTonyVersion !== undefined && isOlder(version, minTonyVersion))
    throw new PluginError(
      'PLUGIN_VERSION',
      `plugin "${name}" needs Tony ${minTonyVersion} or newer, this is ${version}: update Tony, or take an older version of the plugin`,
    )
  if (maxTonyVersion !== undefined && isOlder(maxTonyVersion, version))
    throw new PluginError(
      'PLUGIN_VERSION',
      `plugin "${name}" runs on Tony up to ${maxTonyVersion}, this is ${version}: take a newer version of the plugin`,
    )
}

/**
 * Checks that the plugin may use the machine capabilities it requires; without a list it may use
 * any. Throws PluginError PLUGIN_CAPABILITY.
 */
export function checkCapabilities({ name, requiredCapabilities = [] }: TonyPlugin, allowed?: readonly string[]): void {
  const missing = allowed ? requiredCapabilities.filter((capability) => !allowed.includes(capability)) : []
  if (missing.length > 0)
    throw new PluginError(
      'PLUGIN_CAPABILITY',
      `plugin "${name}" requires ${missing.join(', ')}, which allowedCapabilities does not contain`,
    )
}

const dependencyProblemOf = ({ name, version }: PluginDependency, found: string | undefined): string | undefined => {
  if (found === undefined) return `"${name}" ${version} is not installed: install and run it first`
  return satisfies(found, version) ? undefined : `"${name}" ${version} is installed as ${found}`
}

/**
 * Checks that every dependency is present in a suitable version. An optional one may be missing,
 * but not present in a wrong version. Throws PluginError PLUGIN_DEPENDENCY.
 */
export function checkDependencies(
  { name, dependencies = [] }: TonyPlugin,
  versions: ReadonlyMap<string, string>,
): void {
  const problems = dependencies.flatMap((dependency) => {
    const found = versions.get(dependency.name)
    return (dependency.optional && found === undefined ? undefined : dependencyProblemOf(dependency, found)) ?? []
  })
  if (problems.length > 0)
    throw new PluginError('PLUGIN_DEPENDENCY', `plugin "${name}" has unmet dependencies: ${problems.join('; ')}`)
}
