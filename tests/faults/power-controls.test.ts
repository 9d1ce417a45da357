import { describe, expect, test } from 'vitest'
import { plantInFile } from '../model/sabotage/judged.ts'
import { errorControls, powerFaults, showErrorFault, showPowerFault } from '../support/power/controls.ts'
import { canRecord } from '../support/power/recorder.ts'
import { frequentCheckpoints } from '../support/power/settings.ts'

test('the planted faults have their lines in their files', () => {
  const faults = [...frequentCheckpoints, ...powerFaults, ...errorControls.map(({ fault }) => fault)]
  for (const fault of faults) expect(plantInFile(fault)).not.toBe('')
})

describe.runIf(canRecord())('a store with a fault is found', { timeout: 600_000 }, () => {
  test.each(powerFaults)('after a power cut: $name', async (fault) => {
    expect(await showPowerFault(fault)).not.toEqual([])
  })

  test.each(errorControls)('after an I/O error: $fault.name', async (control) => {
    expect(await showErrorFault(control)).not.toEqual([])
  })
})
