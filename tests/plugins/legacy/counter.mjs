// A class with private fields for its state, and with every hook.
class CounterPlugin {
  #count = 0
  name = 'counter'
  version = '0.4.0'
  description = 'Counts, and goes on counting after a reload'
  minTonyVersion = '2.6.0'
  hooks = []

  async onInstall() {
    this.hooks.push('install')
  }

  async onActivate() {
    this.hooks.push('activate')
  }

  async onDeactivate() {
    this.hooks.push('deactivate')
    throw new Error('2.7 never minded')
  }

  async onUninstall() {
    this.hooks.push('uninstall')
    this.#count = 0
  }

  async execute() {
    this.#count += 1
    return { count: this.#count, hooks: this.hooks }
  }

  getState() {
    return { count: this.#count }
  }

  setState(state) {
    this.#count = state.count
  }
}

export default new CounterPlugin()
