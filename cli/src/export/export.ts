import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { connectClient } from '../connection.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { now } from '../timer.ts'
import type { ExportFormat } from './format-names.ts'
import { textExporters } from './formats.ts'
import { ExportedProject } from './project.ts'

export interface ExportOptions extends ServerOptions {
  readonly format: ExportFormat
  readonly output: string
}

/** Writes the chunks and waits for a slow reader. */
async function writeChunks(stream: NodeJS.WritableStream, chunks: AsyncIterable<string>): Promise<void> {
  for await (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain')
}

/** Writes a file under another name first, so that an export that fails leaves the old file. */
async function writeFileWhole(file: string, chunks: AsyncIterable<string>): Promise<void> {
  const partial = `${file}.partial`
  const stream = createWriteStream(partial)
  try {
    await once(stream, 'open')
    await writeChunks(stream, chunks)
    stream.end()
    await finished(stream)
    await rename(partial, file)
  } catch (error) {
    stream.destroy()
    await rm(partial, { force: true })
    throw error
  }
}

/**
 * `tony-mcp export`: the data go to standard output or to a file, and the rest to standard error.
 */
export async function exportCommand(options: ExportOptions): Promise<void> {
  const client = connectClient(options)
  try {
    const project = await ExportedProject.read(client)
    const chunks = textExporters[options.format](project, new Date(now()).toISOString())
    if (options.output === '-') await writeChunks(process.stdout, chunks)
    else await writeFileWhole(options.output, chunks)
    const target = options.output === '-' ? '' : ` to ${options.output}`
    process.stderr.write(`exported ${project.outlines.size} tasks as ${options.format}${target}\n`)
  } finally {
    client.close()
  }
}
