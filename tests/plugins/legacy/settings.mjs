// Data only: a plugin without any hook is a plugin.
export default {
  name: 'settings',
  version: '2.1.0',
  description: 'Settings of the house, read by others',
  author: 'Tony Team',
  keywords: ['settings'],
  minTonyVersion: '2.6.0',
  requiredCapabilities: [],
  dependencies: [],
}
