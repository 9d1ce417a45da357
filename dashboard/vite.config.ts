import { defineConfig } from 'vite'

/** The server that the development server of Vite passes the socket to. */
const server = process.env['TONY_MCP_URL'] ?? 'http://127.0.0.1:3456'

export default defineConfig({
  root: import.meta.dirname,
  // All addresses are relative, so that a proxy may serve the dashboard below any path.
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    // A file inside another one would need `data:` in the policy of the page.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // The libraries mark their files for servers of React, and a busy machine is slow.
    rolldownOptions: { checks: { moduleLevelDirective: false, pluginTimings: false } },
  },
  server: { proxy: { '/ws': { target: server.replace(/^http/, 'ws'), ws: true } } },
})
