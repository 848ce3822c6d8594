import { Classifier, Device } from '/pkg/quern.js';
onmessage = async ({ data: { kind, picture } }) => {
  try {
    const device = await Device.open({ kind });
    const classifier = await Classifier.glyphs(device);
    const { top } = await classifier.classify(picture);
    device.close();
    postMessage(top[0].label);
  } catch (error) {
    postMessage(`failed: ${error.message}`);
  }
};
