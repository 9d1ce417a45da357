import { describe, expect, test } from 'vitest'
import { cutPower } from '../support/power/power-cuts.ts'
import { canRecord } from '../support/power/recorder.ts'
import { roundsOf } from '../support/rounds.ts'

const images = roundsOf({ part: 60, full: 400, variable: 'POWER_IMAGES' })
const tasks = roundsOf({ part: 40, full: 100, variable: 'POWER_TASKS' })

describe.runIf(canRecord())('a power cut at any moment of a run', () => {
  test('damages nothing and loses nothing acknowledged: no call, no event, no backup', async () => {
    const cut = await cutPower({ tasks, images, seed: 1 })
    const { operations, ends } = cut.recording
    process.stdout.write(`power: ${cut.images} images, ${cut.distinct} distinct, ${operations.length} operations\n`)
    expect(ends.map(({ code, signal }) => code ?? signal)).toEqual(['SIGKILL', 0, 0])
    expect(cut.failures).toEqual([])
    expect(cut).toMatchObject({ lost: 0, corrupt: 0, unsynced: [] })
    expect(cut.distinct).toBeGreaterThan(images / 4)
  }, 600_000)
})
