// It has dependencies, which the loader of 2.7 returns from this.getDependency.
export default {
  name: 'report',
  version: '1.2.0',
  description: 'Writes a report with the help of others',
  minTonyVersion: '2.6.0',
  dependencies: [
    { name: 'greeter', version: '^1.0.0' },
    { name: 'painter', version: '^3.0.0', optional: true },
  ],
  greeter: null,
  async onActivate() {
    this.greeter = this.getDependency('greeter')
    this.painter = this.getDependency('painter')
    if (!this.greeter) throw new Error('greeter is missing')
  },
  async execute(context) {
    const { greeting } = await this.greeter.execute({ who: context.params.to })
    return { text: `${greeting}. All is well.`, painted: this.painter !== undefined, by: this.greeter.version }
  },
}
