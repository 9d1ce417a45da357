/**
 * Hosts a plugin of Tony 2.7 without changing it. It needs a server: `npm run dev`, or TONY_MCP_URL
 * and TONY_TOKEN.
 */
import { createMemoryInstallations, loadPlugin, PluginMigrationHelper, runPlugin } from '@tony/mcp-client/plugin'

const legacy = await loadPlugin(new URL('legacy-plugin.js', import.meta.url))
const plugin = PluginMigrationHelper.migrateLegacyPlugin(legacy)

// In production leave this out: the installation is then stored in .tony/plugins and outlives the
// process.
const installations = createMemoryInstallations()

for (const text of ['one two three', 'four five']) {
  const running = await runPlugin(plugin, { installations })
  const caller = await runPlugin({ name: 'caller', version: '1.0.0' }, { installations })
  const { result } = await caller.mcp.routeRequest({ method: 'plugin.execute', params: { plugin: plugin.name, text } })
  console.log(`${result.words} words, asked ${result.asked} times`)
  await caller.stop()
  await running.stop()
}
