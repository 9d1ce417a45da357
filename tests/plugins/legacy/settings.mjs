// A plugin without hooks is valid: it has data only.
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
