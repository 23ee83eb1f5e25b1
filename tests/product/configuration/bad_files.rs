//! Every file of `tests/bad_config` and its exact error message.

/// File name and the complete message, one line per mistake. `{collectors}` stands for the names of
/// all collectors.
pub(crate) const BAD_FILES: &[(&str, &str)] = &[
    (
        "account-both-collectors-disabled.yml",
        "accounts[0]: every collector is disabled ({collectors}), so that nothing is requested; enable one or remove the account",
    ),
    (
        "account-id-missing.yml",
        "accounts[0].id: is missing; set it to the account id (site id) that LivePerson gave you",
    ),
    (
        "account-id-twice.yml",
        "accounts[1].id: 12345678 is already the id of accounts[0]",
    ),
    (
        "account-id-with-a-slash.yml",
        "accounts[0].id: expected an account id (1 to 64 letters, digits, _ or -), found 1/../2",
    ),
    (
        "account-name-empty.yml",
        "accounts[0].name: expected a non-empty string, found an empty string",
    ),
    (
        "account-nothing.yml",
        "accounts[0]: expected a mapping, found nothing",
    ),
    (
        "account-skill-agents-without-skills.yml",
        "accounts[0].engagement_activity: skill_agents: true requires skills, found skills: none; select skills or set skill_agents: false",
    ),
    (
        "account-sla-bucket-not-multiple-of-5.yml",
        "accounts[0].sla.buckets[0]: expected a multiple of 5, found 12",
    ),
    (
        "account-sla-nothing-to-request.yml",
        "accounts[0].sla: account: false, skills: none and groups: none leave nothing to request; select one of them or set enabled: false",
    ),
    (
        "account-unknown-key.yml",
        "accounts[0].host: unknown key; did you mean hosts?",
    ),
    (
        "accounts-empty.yml",
        "accounts: no account is configured; add at least one, with id and auth",
    ),
    (
        "accounts-missing.yml",
        "accounts: no account is configured; add at least one, with id and auth",
    ),
    (
        "accounts-not-a-list.yml",
        "accounts: expected a list, found a mapping",
    ),
    (
        "alias-bomb.yml",
        "tests/bad_config/alias-bomb.yml: line 9, column 37: more than 200000 values, with aliases expanded",
    ),
    (
        "allowed-domains.yml",
        "allowed_domains[1]: expected a domain such as example.com (its subdomains are included; no scheme, port or *), found https://lp.example.com\n\
         allowed_domains[2]: expected a domain such as example.com (its subdomains are included; no scheme, port or *), found \"*.example.com\"\n\
         allowed_domains[3]: com is a top-level domain; name a domain below it\n\
         allowed_domains[4]: example.com duplicates allowed_domains[0]",
    ),
    (
        "auth-a-string.yml",
        "accounts[0].auth: expected a mapping, found a single value",
    ),
    (
        "auth-client-id-empty.yml",
        "accounts[0].auth.oauth2.client_id: expected a non-empty string, found an empty string",
    ),
    (
        "auth-client-id-missing.yml",
        "accounts[0].auth.oauth2.client_id: is missing; set it to the client id that LivePerson issued",
    ),
    (
        "auth-login-without-username.yml",
        "accounts[0].auth.login.username: is missing; set it to the login name of a LivePerson user",
    ),
    (
        "auth-missing.yml",
        "accounts[0].auth: no authorisation method is configured; set exactly one of oauth2, oauth1, login",
    ),
    (
        "auth-oauth1-half.yml",
        "accounts[0].auth.oauth1.access_token: is missing; set access_token, or access_token_file to the path of a file that contains it\n\
         accounts[0].auth.oauth1.access_token_secret: is missing; set access_token_secret, or access_token_secret_file to the path of a file that contains it",
    ),
    (
        "auth-secret-a-list.yml",
        "accounts[0].auth.oauth2.client_secret: expected a single value, found a list",
    ),
    (
        "auth-secret-a-mapping.yml",
        "accounts[0].auth.oauth2.client_secret: expected a single value, found a mapping",
    ),
    (
        "auth-secret-and-file.yml",
        "accounts[0].auth.oauth2: client_secret and client_secret_file are both set; keep one",
    ),
    (
        "auth-secret-empty.yml",
        "accounts[0].auth.oauth2.client_secret: expected a non-empty string, found an empty string",
    ),
    (
        "auth-secret-file-a-directory.yml",
        "accounts[0].auth.login.password_file: tests/bad_config/files is a directory, not a file",
    ),
    (
        "auth-secret-file-does-not-exist.yml",
        "accounts[0].auth.oauth2.client_secret_file: the file does not exist in tests/bad_config/files; expected the path of a file, not the secret itself",
    ),
    (
        "auth-secret-file-empty.yml",
        "accounts[0].auth.oauth2.client_secret_file: tests/bad_config/files/empty.txt is empty; write the secret into it",
    ),
    (
        "auth-secret-glued-to-its-key.yml",
        "accounts[0].auth.oauth2: key without a value (is the space after a colon missing?); expected one of client_id, client_secret, client_secret_file\n\
         accounts[0].auth.oauth2.client_secret: is missing; set client_secret, or client_secret_file to the path of a file that contains it",
    ),
    (
        "auth-secret-missing.yml",
        "accounts[0].auth.oauth2.client_secret: is missing; set client_secret, or client_secret_file to the path of a file that contains it",
    ),
    (
        "auth-secret-misspelt.yml",
        "accounts[0].auth.oauth2.client_secrte: unknown key; did you mean client_secret?\n\
         accounts[0].auth.oauth2.client_secret: is missing; set client_secret, or client_secret_file to the path of a file that contains it",
    ),
    (
        "auth-two-methods.yml",
        "accounts[0].auth: expected exactly one of oauth2, oauth1, login, found oauth2 and login",
    ),
    (
        "auth-unknown-method.yml",
        "accounts[0].auth.oauth: unknown key; did you mean oauth2?\n\
         accounts[0].auth: no authorisation method is configured; set exactly one of oauth2, oauth1, login",
    ),
    (
        "domain-api-plain-http.yml",
        "domain_api: http://api.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "domain-api-with-password.yml",
        "domain_api: [hidden]@api.liveperson.net contains a user name or password; credentials belong under auth",
    ),
    (
        "domain-api-with-query.yml",
        "domain_api: https://api.liveperson.net/?[hidden] has a query or fragment; keep only scheme, host and path",
    ),
    (
        "empty.yml",
        "tests/bad_config/empty.yml: is empty; add at least the section accounts",
    ),
    (
        "engagement-activity-a-list.yml",
        "engagement_activity: expected a mapping, found a list",
    ),
    (
        "engagement-activity-agent-beyond-64-bit.yml",
        "engagement_activity.agents[1]: expected an id (a whole number of at least 0), found 9223372036854775808",
    ),
    (
        "engagement-activity-agent-negative.yml",
        "engagement_activity.agents[0]: expected an id (a whole number of at least 0), found -1",
    ),
    (
        "engagement-activity-agent-twice.yml",
        "engagement_activity.agents[1]: 3 duplicates engagement_activity.agents[0]",
    ),
    (
        "engagement-activity-buckets.yml",
        "engagement_activity.buckets: unknown key; expected one of enabled, interval, windows, skills, agents, skill_agents, totals",
    ),
    (
        "engagement-activity-enabled-yes.yml",
        "engagement_activity.enabled: expected true or false, found yes",
    ),
    (
        "engagement-activity-interval-too-short.yml",
        "engagement_activity.interval: expected a duration from 1s to 1d, found 500ms",
    ),
    (
        "engagement-activity-interval-without-unit.yml",
        "engagement_activity.interval: 30 has no unit; write durations as 250ms, 30s or 1h30m",
    ),
    (
        "engagement-activity-skill-agents-without-skills.yml",
        "engagement_activity: skill_agents: true requires skills, found skills: none; select skills or set skill_agents: false",
    ),
    (
        "engagement-activity-skill-below-unassigned.yml",
        "engagement_activity.skills[1]: expected an id (a whole number of at least -1), found -2",
    ),
    (
        "engagement-activity-skills-empty.yml",
        "engagement_activity.skills: expected at least one id, found an empty list; write none to select nothing",
    ),
    (
        "engagement-activity-skills-one-id.yml",
        "engagement_activity.skills: expected all, none or a list of ids such as [4, 15], found 4",
    ),
    (
        "engagement-activity-unknown-key.yml",
        "engagement_activity.intervall: unknown key; did you mean interval?",
    ),
    (
        "hosts-plain-http.yml",
        "accounts[0].hosts.sentinel: http://va.sentinel.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "hosts-unknown-service.yml",
        "accounts[0].hosts.ledatareporting: unknown key; did you mean leDataReporting?",
    ),
    (
        "hosts-without-scheme.yml",
        "accounts[0].hosts.leDataReporting: expected a web address such as https://va.data.liveperson.net, found va.data.liveperson.net",
    ),
    (
        "keys-given-twice.yml",
        "limits.max_in_flight: duplicate key, in lines 6 and 7; keep one\n\
         stale_after: duplicate key, in lines 8 and 9; keep one",
    ),
    (
        "limits-a-list-for-a-value.yml",
        "limits.min_spacing: expected a single value, found a list",
    ),
    (
        "limits-max-in-flight-0.yml",
        "limits.max_in_flight: expected a whole number from 1 to 64, found 0",
    ),
    (
        "limits-max-response-bytes-fraction.yml",
        "limits.max_response_bytes: expected a size such as 500kB, 64MiB or a number of bytes, found 1.5GiB",
    ),
    (
        "limits-max-response-bytes-too-small.yml",
        "limits.max_response_bytes: expected a size from 1KiB to 4GiB, found 100",
    ),
    (
        "limits-max-series-0.yml",
        "limits.max_series: expected a whole number from 1 to 1000000000, found 0",
    ),
    (
        "limits-min-spacing-0.yml",
        "limits.min_spacing: expected a duration from 1ms to 1m, found 0",
    ),
    (
        "limits-request-timeout-too-long.yml",
        "limits.request_timeout: expected a duration from 100ms to 5m, found 10m",
    ),
    (
        "list-at-the-top.yml",
        "tests/bad_config/list-at-the-top.yml: expected a mapping with sections such as accounts:, found a list",
    ),
    (
        "many-mistakes.yml",
        "accounts[0].hosts.leDataReportin: unknown key; did you mean leDataReporting?\n\
         colour: unknown key; expected one of accounts, {collectors}, limits, stale_after, timezone, names, domain_api, allowed_domains, accounts_files, tls\n\
         sla.group: unknown key; did you mean groups?\n\
         engagement_activity.windows[1]: 300s duplicates engagement_activity.windows[0]\n\
         engagement_activity.windows[2]: expected a window (whole minutes from 1m to 24h, or today), found 0m\n\
         engagement_activity.skills: expected all, none or a list of ids such as [4, 15], found some\n\
         sla.buckets[2]: expected a multiple of 5, found 47\n\
         stale_after: expected a duration such as 250ms, 30s or 1h30m, found soon\n\
         accounts[0].id: expected an account id (1 to 64 letters, digits, _ or -), found \"1 2\"\n\
         accounts[0].auth: expected exactly one of oauth2, oauth1, login, found oauth2 and oauth1\n\
         accounts[0].sla.interval: expected a duration such as 250ms, 30s or 1h30m, found \"1 minute\"\n\
         accounts[0].sla.buckets[1]: expected a multiple of 5, found 33\n\
         accounts[1].id: is missing; set it to the account id (site id) that LivePerson gave you\n\
         accounts[1].auth.login.username: expected a non-empty string, found an empty string\n\
         accounts[1].auth.login.password_file: the file does not exist in tests/bad_config/files; expected the path of a file, not the secret itself\n\
         limits.max_in_flight: expected a whole number from 1 to 64, found many\n\
         limits.min_spacing: 250 has no unit; write durations as 250ms, 30s or 1h30m\n\
         timezone: expected an IANA time zone such as UTC or Europe/Berlin, found Berlin\n\
         names.lookup: expected true or false, found maybe\n\
         names.skills.x: expected an id (a whole number of at least -1), found the key x\n\
         tls.ca_file: tests/bad_config/files is a directory, not a file\n\
         domain_api: http://api.liveperson.net is plain http to a host that is not loopback: it would send credentials in clear; use https",
    ),
    (
        "names-a-list.yml",
        "names.groups: expected a mapping, found a list",
    ),
    (
        "names-empty-name.yml",
        "names.agents.3: expected a non-empty string, found an empty string",
    ),
    (
        "names-key-not-an-id.yml",
        "names.skills.Sales: expected an id (a whole number of at least -1), found the key Sales",
    ),
    (
        "names-refresh-too-short.yml",
        "names.refresh: expected a duration from 1m to 1w, found 1s",
    ),
    (
        "nested-too-deeply.yml",
        "tests/bad_config/nested-too-deeply.yml: line 5, column 39: nested more than 32 levels deep",
    ),
    (
        "only-comments.yml",
        "tests/bad_config/only-comments.yml: is empty; add at least the section accounts",
    ),
    (
        "own-tag.yml",
        "tests/bad_config/own-tag.yml: line 5, column 19: tags (words that begin with !) are not supported",
    ),
    (
        "sla-bucket-0-not-first.yml",
        "sla.buckets[1]: expected ascending numbers, found 0 after 15",
    ),
    (
        "sla-bucket-fraction.yml",
        "sla.buckets[0]: expected a whole number of seconds from 0 to 86400, found 7.5",
    ),
    (
        "sla-bucket-longer-than-a-day.yml",
        "sla.buckets[0]: expected a whole number of seconds from 0 to 86400, found 86405",
    ),
    (
        "sla-bucket-negative.yml",
        "sla.buckets[0]: expected a whole number of seconds from 0 to 86400, found -5",
    ),
    (
        "sla-bucket-not-multiple-of-5.yml",
        "sla.buckets[2]: expected a multiple of 5, found 47",
    ),
    (
        "sla-bucket-only-0.yml",
        "sla.buckets: expected at least one number above 0; write seconds such as [15, 30, 60]",
    ),
    (
        "sla-bucket-twice.yml",
        "sla.buckets[1]: 15 duplicates sla.buckets[0]",
    ),
    (
        "sla-buckets-descending.yml",
        "sla.buckets[1]: expected ascending numbers, found 15 after 30",
    ),
    (
        "sla-groups-all.yml",
        "sla.groups: expected none or a list of ids such as [7, 8], found all; LivePerson needs one request per group",
    ),
    (
        "sla-groups-empty.yml",
        "sla.groups: expected at least one id, found an empty list; write none to select nothing",
    ),
    (
        "sla-nothing-to-request.yml",
        "sla: account: false, skills: none and groups: none leave nothing to request; select one of them or set enabled: false",
    ),
    (
        "sla-too-many-buckets.yml",
        "sla.buckets: expected at most 100 numbers above 0, found 101",
    ),
    (
        "stale-after-0.yml",
        "stale_after: expected a duration from 1ms to 1w, found 0s",
    ),
    (
        "syntax-secret-after-wrong-indentation.yml",
        "tests/bad_config/syntax-secret-after-wrong-indentation.yml: line 6, column 21: not valid YAML: while parsing a block mapping, did not find expected key",
    ),
    (
        "syntax-tab-indentation.yml",
        "tests/bad_config/syntax-tab-indentation.yml: line 2, column 2: not valid YAML: tabs disallowed within this context (block indentation)",
    ),
    (
        "syntax-unclosed-list.yml",
        "tests/bad_config/syntax-unclosed-list.yml: line 8, column 1: not valid YAML: while parsing a flow sequence, expected ',' or ']'",
    ),
    (
        "string-at-the-top.yml",
        "tests/bad_config/string-at-the-top.yml: expected a mapping with sections such as accounts:, found a single value",
    ),
    (
        "timezone-unknown.yml",
        "timezone: expected an IANA time zone such as UTC or Europe/Berlin, found Europe/Atlantis",
    ),
    (
        "tls-ca-file-does-not-exist.yml",
        "tls.ca_file: tests/bad_config/files/no-such-file.pem does not exist",
    ),
    (
        "tls-ca-file-without-certificate.yml",
        "tls.ca_file: tests/bad_config/files/secret.txt contains no PEM certificate (no line -----BEGIN CERTIFICATE-----)",
    ),
    (
        "totals-neither-true-nor-false.yml",
        "engagement_activity.totals: expected true or false, found maybe\n\
         sla.totals: expected a single value, found a list",
    ),
    (
        "two-documents.yml",
        "tests/bad_config/two-documents.yml: line 5, column 1: expected a single YAML document, found a second one",
    ),
    (
        "unknown-key-that-looks-like-a-path.yml",
        "accounts[999999999999].id: unknown key; expected one of accounts, {collectors}, limits, stale_after, timezone, names, domain_api, allowed_domains, accounts_files, tls",
    ),
    (
        "unknown-section.yml",
        "limit: unknown key; did you mean limits?",
    ),
    (
        "value-too-long-to-repeat.yml",
        "timezone: expected an IANA time zone such as UTC or Europe/Berlin, found Europe/Europe/Europe/Europe/Europe/Europe/Europe/Europe/Euro…",
    ),
    (
        "windows-empty.yml",
        "sla.windows: expected at least one window, found an empty list; write windows such as [5m, 1h], or set enabled: false",
    ),
    (
        "windows-half-minute.yml",
        "sla.windows[1]: expected a window (whole minutes from 1m to 24h, or today), found 90s",
    ),
    (
        "windows-longer-than-a-day.yml",
        "sla.windows[0]: expected a window (whole minutes from 1m to 24h, or today), found 25h",
    ),
    (
        "windows-not-a-list.yml",
        "sla.windows: expected a list, found 5m; write [5m]",
    ),
    (
        "windows-totals.yml",
        "engagement_activity.windows[1]: expected a window (whole minutes from 1m to 24h, or today), found totals",
    ),
    (
        "windows-twice.yml",
        "sla.windows[2]: 1h duplicates sla.windows[0]",
    ),
];
