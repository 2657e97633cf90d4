// The web UI as a person uses it: signing in, and finding things by what they are called.

/** A page of its own, signed in. `theme`: `light` or `dark`. */
export async function openUi(browser, demo, { theme = 'light', width = 1280, height = 800, path = '' } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    baseURL: `${demo.url}/ui/`,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.seen = watch(page);
  await page.goto(path);
  await signInAs(page, demo);
  return page;
}

export async function signInAs(page, { user, password }) {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** Every request, error and breach of the policy of a page. */
function watch(page) {
  const seen = { requests: [], errors: [] };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|TypeError|ReferenceError/.test(message.text())) {
      seen.errors.push(message.text());
    }
  });
  return seen;
}
