// Execute only, as a CommonJS module of 2.7.
module.exports = {
  name: 'greeter',
  version: '1.0.3',
  description: 'Greets whoever is named',
  minTonyVersion: '2.7.0',
  async execute(context) {
    const who = context.params?.who
    if (!who) throw new Error('nobody to greet')
    context.logger.info('greeting', who)
    return { greeting: `Hello ${who}`, version: context.version, plugin: this.name }
  },
}
