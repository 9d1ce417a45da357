export type { MCP, MCPError, MCPRequest, MCPResponse } from '../tony/shapes.ts'
export { tonyVersion } from './checks.ts'
export { definePlugin, type HandlerContext, type Handlers, type PluginDefinition } from './define.ts'
export { type HarnessOptions, PluginAnswerError, type PluginHarness, testPlugin } from './harness.ts'
export {
  createFileInstallations,
  createMemoryInstallations,
  type Installation,
  type InstallationStore,
} from './installation.ts'
export type { PluginSettings } from './lifecycle.ts'
export { loadPlugin } from './load.ts'
export type { Answers } from './memory-mcp.ts'
export { PluginMigrationHelper } from './migrate.ts'
export {
  type AnyMethods,
  type Dependency,
  isMCPPlugin,
  type MCPPlugin,
  type Methods,
  type PluginDependency,
  PluginError,
  type PluginErrorCode,
  type PluginLogger,
  type TonyContext,
  type TonyPlugin,
} from './plugin.ts'
export { type RunningPlugin, type RunOptions, runPlugin } from './run.ts'
