import { exampleIds, type OperationTexts } from '../operation-text.ts'

const wakeIds = [exampleIds.wake]

/** The texts of the procedures of wakes. */
export const wakeTexts: OperationTexts = {
  'wakes.announce': {
    summary: 'Announce an idle session',
    description: 'Reports if the session is idle and if it was active. Returns the wakes that are open.',
    input: { idle: true, active: true, takesTasks: true },
  },
  'wakes.attempt': {
    summary: 'Record an attempt to wake',
    description: 'Records a provider before it is tried. Returns the wakes that it is to be tried for.',
    input: { wakeIds, provider: 'command' },
  },
  'wakes.giveUp': {
    summary: 'Give wakes up',
    description: 'Ends wakes as unavailable, because no provider woke the session.',
    input: { wakeIds },
  },
}
