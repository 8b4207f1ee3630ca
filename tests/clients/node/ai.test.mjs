// The Vercel AI SDK: text whole and streamed, tools over two steps, objects; by each provider.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { apiKey, kinds, model, question, url } from './grip.mjs';

const baseURL = `${url}/v1`;
const openai = createOpenAI({ apiKey, baseURL });
const compatible = createOpenAICompatible({
  name: 'grip',
  apiKey,
  baseURL,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ apiKey, baseURL });
const providers = {
  '@ai-sdk/openai': (name) => openai.chat(name),
  '@ai-sdk/openai-compatible': (name) => compatible(name),
  '@ai-sdk/anthropic': (name) => anthropic(name),
};
const city = z.object({ city: z.string() });

function loop(cities) {
  const weather = tool({
    description: 'Tells it.',
    inputSchema: city,
    execute: async ({ city }) => (cities.push(city), '21 degrees'),
  });
  return { prompt: question, tools: { weather }, stopWhen: stepCountIs(3) };
}

for (const [name, provider] of Object.entries(providers)) {
  for (const kind of kinds) {
    const served = { model: provider(model(kind)), maxRetries: 0 };

    test(`${name}: text on ${kind}`, async () => {
      const said = await generateText({ ...served, system: 'Be brief.', prompt: 'Say hello' });
      assert.match(said.text, /^Hello there/);
      assert.equal(said.finishReason, 'stop');
      assert.equal(said.usage.totalTokens, 28);
    });

    test(`${name}: streamed text on ${kind}`, async () => {
      const stream = streamText({ ...served, prompt: 'Say hello', maxOutputTokens: 2 });
      assert.equal((await stream.text).trim(), 'Hello there,');
      assert.equal(await stream.finishReason, 'length');
      assert.equal((await stream.usage).inputTokens, 20);
    });

    test(`${name}: tools on ${kind}`, async () => {
      const cities = [];
      const said = await generateText({ ...served, ...loop(cities) });
      assert.match(said.text, /21 degrees/);
      assert.deepEqual(cities, ['Rome']);
    });

    test(`${name}: streamed tools on ${kind}`, async () => {
      const cities = [];
      const stream = streamText({ ...served, ...loop(cities) });
      assert.match(await stream.text, /21 degrees/);
      assert.deepEqual(cities, ['Rome']);
    });

    test(`${name}: an object on ${kind}`, async () => {
      const output = Output.object({ schema: city });
      const said = await generateText({ ...served, prompt: question, output });
      assert.deepEqual(said.output, { city: 'Rome' });
    });

    test(`${name}: a picture on ${kind}`, async () => {
      const image = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
      const content = [{ type: 'text', text: 'Look' }, { type: 'image', image }];
      const said = await generateText({ ...served, messages: [{ role: 'user', content }] });
      assert.match(said.text, /I see 1 file/);
    });
  }
}

for (const kind of ['openai', 'azure']) {
  test(`@ai-sdk/openai: a response with tools on ${kind}`, async () => {
    const cities = [];
    const served = { model: openai.responses(model(kind)), maxRetries: 0 };
    const said = await generateText({ ...served, ...loop(cities) });
    assert.deepEqual(cities, ['Rome']);
    assert.match(said.text, /^Hello there/);
  });
}

test('@ai-sdk/openai: embeddings on gemini', async () => {
  const served = openai.embedding(model('gemini', 'embedding'));
  const said = await embedMany({ model: served, values: ['a', 'b'], maxRetries: 0 });
  assert.deepEqual(said.embeddings, [[0.25, -0.5, 1], [0.25, -0.5, 1]]);
});
