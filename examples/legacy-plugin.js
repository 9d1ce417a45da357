// A plugin for Tony 2.7, which had no server. It is used unchanged.
export default {
  name: 'word-count',
  version: '1.4.0',
  description: 'Counts words, and how often it was asked',
  minTonyVersion: '2.6.0',
  asked: 0,

  async onActivate() {
    this.since = 'activation'
  },

  async execute(context) {
    this.asked += 1
    const words = context.params.text.split(/\s+/).filter(Boolean).length
    return { words, asked: this.asked, since: this.since }
  },

  getState() {
    return { asked: this.asked }
  },

  setState(state) {
    this.asked = state.asked
  },
}
