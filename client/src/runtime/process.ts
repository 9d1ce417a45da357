import type { ResourceUsage } from '../connection/raw-socket.ts'

/**
 * Returns the process of Node; undefined in a page, which has none or a replacement without the
 * version of Node. It is asked at run time, because a bundler without a platform takes the half
 * for pages and its bundle may run in Node.
 */
function findNodeProcess(): NodeJS.Process | undefined {
  const { process }: { readonly process?: NodeJS.Process } = globalThis
  return typeof process?.versions?.node === 'string' ? process : undefined
}

/** Returns undefined in a page, which cannot measure its resource use. */
export function readResourceUsage(): ResourceUsage | undefined {
  const nodeProcess = findNodeProcess()
  if (!nodeProcess) return undefined
  const { user, system } = nodeProcess.cpuUsage()
  return { cpuMs: (user + system) / 1_000, memoryBytes: nodeProcess.memoryUsage.rss() }
}

/**
 * Calls `drain` once, on SIGTERM. When it is done and no other listener is left, the process ends
 * as usual. Returns a function that removes the listener. Does nothing in a page, which receives no
 * signal before its end.
 */
export function onTerminate(drain: () => Promise<void>): () => void {
  const nodeProcess = findNodeProcess()
  if (!nodeProcess) return () => undefined
  let draining = false
  const removeListener = () => void nodeProcess.off('SIGTERM', listener)
  // The listener stays until the drain is done, because a second signal must not end the process
  // before that.
  const listener = () => {
    if (draining) return
    draining = true
    void drain().finally(() => {
      removeListener()
      if (nodeProcess.listenerCount('SIGTERM') === 0) nodeProcess.kill(nodeProcess.pid, 'SIGTERM')
    })
  }
  nodeProcess.on('SIGTERM', listener)
  return removeListener
}
