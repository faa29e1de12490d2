-- Reference data: the lookup rows that the program needs to work: kinds of contract, clause, event, verdict, invoice
-- line, equipment and so on, currencies, data sources and billing periods.
--
-- Goes to production, and to every other database. Needs the schema only.
--
-- Safe to run at any time: a missing row is added, a row that differs from this file is corrected, an equal row is
-- not written. Rows that this file does not name are left alone.

SET CONSTRAINTS ALL IMMEDIATE;


-- Agreements
-- ----------

-- What the other side of a contract is.
INSERT INTO counterparty_type AS stored (code, name, description) VALUES
    ('OFFTAKER',   'Offtaker',   'Buys the energy of a plant.'),
    ('CONTRACTOR', 'Contractor', 'Operates, maintains or builds a plant.'),
    ('SUPPLIER',   'Supplier',   'Delivers equipment or materials.'),
    ('UTILITY',    'Utility',    'Connects the plant to the network, or bills for its use.'),
    ('LANDLORD',   'Landlord',   'Lets the land or the roof under the plant.'),
    ('LENDER',     'Lender',     'Finances the plant.'),
    ('INSURER',    'Insurer',    'Insures the plant or its revenue.'),
    ('GUARANTOR',  'Guarantor',  'Answers for the obligations of another party.'),
    ('GOVERNMENT', 'Government', 'Grants permits or support, or collects fees and taxes.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of contract.
INSERT INTO contract_type AS stored (code, name, description) VALUES
    ('PPA',              'Power purchase agreement',                           'Energy is sold at an agreed price.'),
    ('VPPA',             'Virtual power purchase agreement',                   'The difference between agreed and market price is settled in money.'),
    ('O_AND_M',          'Operation and maintenance agreement',                'A contractor keeps the plant running for a fee.'),
    ('EPC',              'Engineering, procurement and construction contract', 'A contractor designs and builds the plant.'),
    ('ASSET_MANAGEMENT', 'Asset management agreement',                         'A manager runs the commercial side of the plant.'),
    ('INTERCONNECTION',  'Interconnection agreement',                          'The plant is connected to the grid.'),
    ('LEASE',            'Lease',                                              'Land or roof is used against rent.'),
    ('EQUIPMENT_SUPPLY', 'Equipment supply agreement',                         'Modules, inverters or other equipment are bought.'),
    ('WARRANTY',         'Warranty agreement',                                 'A maker answers for the performance of its equipment.'),
    ('CAPACITY',         'Capacity agreement',                                 'Availability of capacity is paid for, apart from energy.'),
    ('REC_PURCHASE',     'Certificate purchase agreement',                     'Environmental attributes are sold apart from energy.'),
    ('LOAN',             'Loan agreement',                                     'The plant is financed by debt.'),
    ('INSURANCE',        'Insurance policy',                                   'Losses of the plant are insured.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- The life of a contract.
INSERT INTO contract_status AS stored (code, name, description) VALUES
    ('DRAFT',      'Draft',      'Being negotiated; binds nobody.'),
    ('SIGNED',     'Signed',     'Signed, and its conditions precedent are not yet all met.'),
    ('ACTIVE',     'Active',     'In force.'),
    ('SUSPENDED',  'Suspended',  'In force, with obligations on hold.'),
    ('EXPIRED',    'Expired',    'Ended at its end date.'),
    ('TERMINATED', 'Terminated', 'Ended before its end date.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- The nature of a clause; its category says what it regulates.
INSERT INTO clause_type AS stored (code, name, description) VALUES
    ('OPERATIONAL',    'Operational',    'How the plant is run and how well it must run.'),
    ('FINANCIAL',      'Financial',      'Prices, payments, damages and security.'),
    ('LEGAL',          'Legal',          'Law, disputes, default, termination and assignment.'),
    ('TECHNICAL',      'Technical',      'Equipment, standards, tests and metering.'),
    ('REGULATORY',     'Regulatory',     'Permits, reporting to authorities and change in law.'),
    ('ADMINISTRATIVE', 'Administrative', 'Notices, records and other formalities.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- What a clause regulates. The category decides the keys of clause.normalized_payload; the key terms are
-- words by which the clause is recognised in a contract.
INSERT INTO clause_category AS stored (code, name, description, key_terms) VALUES
    ('AVAILABILITY',          'Availability',          'Share of useful time in which the plant must be able to produce, and what a shortfall costs.',
     ARRAY['availability', 'uptime', 'guaranteed availability', 'excused events', 'scheduled outage', 'unavailability', 'downtime', 'irradiance threshold']),
    ('PERFORMANCE_GUARANTEE', 'Performance guarantee', 'Energy, capacity factor or performance ratio that the plant must reach.',
     ARRAY['performance ratio', 'capacity factor', 'energy output', 'guaranteed production', 'degradation', 'weather adjustment', 'output shortfall']),
    ('PRICING',               'Pricing',               'Price of the energy, its structure and how it changes over the years.',
     ARRAY['price', 'base rate', 'escalation', 'index', 'tariff', 'tier', 'time of use', 'floor', 'ceiling', 'discount', 'environmental attributes']),
    ('PAYMENT_TERMS',         'Payment terms',         'When an invoice is sent, when it is due and what late payment costs.',
     ARRAY['invoice', 'payment due', 'late interest', 'billing', 'currency', 'take or pay', 'minimum purchase', 'grace period']),
    ('LIQUIDATED_DAMAGES',    'Liquidated damages',    'Damages agreed in advance for a shortfall, a delay or a failure to deliver.',
     ARRAY['liquidated damages', 'per point', 'per day', 'cap', 'cumulative cap', 'delay damages', 'shortfall damages']),
    ('FORCE_MAJEURE',         'Force majeure',         'Events outside the control of the parties, and the relief they give.',
     ARRAY['force majeure', 'act of god', 'notice period', 'suspension', 'relief', 'documentation', 'term extension']),
    ('DEFAULT',               'Default',               'What counts as default, how it can be cured and what follows when it is not.',
     ARRAY['event of default', 'cure period', 'remedy', 'cross default', 'overdue payment', 'notice of default']),
    ('TERMINATION',           'Termination',           'How long the contract runs, how it can be ended early and what that costs.',
     ARRAY['term', 'extension', 'early termination', 'termination notice', 'termination fee', 'purchase option', 'declining schedule']),
    ('CONDITIONS_PRECEDENT',  'Conditions precedent',  'What must be met before the contract takes full effect.',
     ARRAY['condition precedent', 'longstop date', 'milestone', 'commercial operation', 'satisfaction', 'waiver']),
    ('MAINTENANCE',           'Maintenance',           'Who maintains the plant, to what standard and how quickly.',
     ARRAY['maintenance', 'response time', 'resolution time', 'service level', 'spare parts', 'cleaning', 'scheduled outage']),
    ('SECURITY_PACKAGE',      'Security package',      'Security that a party provides for its obligations.',
     ARRAY['letter of credit', 'surety bond', 'parent guarantee', 'cash deposit', 'security amount', 'draw', 'replenishment', 'release']),
    ('COMPLIANCE',            'Compliance',            'Standards, reports and audits that a party must keep to.',
     ARRAY['standard', 'reporting', 'audit', 'permit', 'change in law', 'regulation']),
    ('GENERAL',               'General',               'Law, disputes, notices, assignment and confidentiality.',
     ARRAY['governing law', 'dispute resolution', 'arbitration', 'venue', 'notice', 'assignment', 'confidentiality'])
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description, key_terms = excluded.key_terms
    WHERE (stored.name, stored.description, stored.key_terms)
        IS DISTINCT FROM (excluded.name, excluded.description, excluded.key_terms);

-- Events, defaults and verdicts
-- -----------------------------

-- Kinds of event. A clause lists the codes that excuse in its excused_events.
INSERT INTO event_type AS stored (code, name, description) VALUES
    ('GRID_OUTAGE',           'Grid outage',            'The grid was not there to take the energy.'),
    ('GRID_CURTAILMENT',      'Grid curtailment',       'The grid operator ordered less or no output.'),
    ('FORCE_MAJEURE',         'Force majeure',          'An event outside the control of the parties.'),
    ('EXTREME_WEATHER',       'Extreme weather',        'Weather beyond what the plant is designed for.'),
    ('SCHEDULED_MAINTENANCE', 'Scheduled maintenance',  'Planned work, announced in time.'),
    ('OFFTAKER_CAUSED',       'Caused by the offtaker', 'The offtaker could not or would not take the energy.'),
    ('OWNER_CAUSED',          'Caused by the owner',    'The owner ordered a stop or withheld access.'),
    ('AUTHORITY_ORDER',       'Order of an authority',  'An authority ordered a stop.'),
    ('EMERGENCY_SHUTDOWN',    'Emergency shutdown',     'Stopped to avert danger to people or equipment.'),
    ('FORCED_OUTAGE',         'Forced outage',          'The plant stopped because equipment failed.'),
    ('DERATING',              'Derating',               'The plant ran at reduced capacity.'),
    ('COMMUNICATION_LOSS',    'Loss of communication',  'No data came; the state of the plant is unknown.'),
    ('METER_FAILURE',         'Meter failure',          'The meter did not measure, or not correctly.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of default under a contract.
INSERT INTO default_event_type AS stored (code, name, description) VALUES
    ('AVAILABILITY_SHORTFALL', 'Availability shortfall', 'Availability was below the guaranteed level.'),
    ('PERFORMANCE_SHORTFALL',  'Performance shortfall',  'Energy or performance was below the guaranteed level.'),
    ('DELAY',                  'Delay',                  'A date or a milestone was missed.'),
    ('NON_DELIVERY',           'Non-delivery',           'What was due was not delivered at all.'),
    ('RESPONSE_TIME_BREACH',   'Response time breach',   'A fault was answered or repaired too late.'),
    ('PAYMENT_DEFAULT',        'Payment default',        'An amount due was not paid in time.'),
    ('OFFTAKE_SHORTFALL',      'Offtake shortfall',      'Less energy was taken than the agreed minimum.'),
    ('SECURITY_LAPSE',         'Security lapse',         'Required security was missing, reduced or expired.'),
    ('REPORTING_BREACH',       'Reporting breach',       'A required report was missing, late or wrong.'),
    ('INSOLVENCY',             'Insolvency',             'A party cannot pay its debts.'),
    ('OTHER_BREACH',           'Other breach',           'Another obligation was not kept.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of verdict on a clause.
INSERT INTO rule_output_type AS stored (code, name, description) VALUES
    ('COMPLIANT',          'Compliant',              'The clause was kept.'),
    ('LIQUIDATED_DAMAGES', 'Liquidated damages',     'The clause was not kept and damages are due.'),
    ('BREACH',             'Breach without damages', 'The clause was not kept and no damages are agreed for it.'),
    ('EXCUSED',            'Excused',                'The clause was kept only because verified events excuse.'),
    ('BONUS',              'Bonus',                  'The clause was exceeded and a bonus is due.'),
    ('UNDETERMINED',       'Undetermined',           'The data do not decide whether the clause was kept.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of notice.
INSERT INTO notification_type AS stored (code, name, description) VALUES
    ('BREACH_NOTICE',        'Breach notice',        'Tells a party that a clause was not kept.'),
    ('CURE_REMINDER',        'Cure reminder',        'Reminds of the end of a cure period.'),
    ('CURE_CONFIRMATION',    'Cure confirmation',    'Confirms that a default was cured.'),
    ('DEFAULT_NOTICE',       'Default notice',       'Declares an event of default after the cure period.'),
    ('FORCE_MAJEURE_NOTICE', 'Force majeure notice', 'Claims relief for a force majeure event.'),
    ('OUTAGE_NOTICE',        'Outage notice',        'Announces a planned outage.'),
    ('PAYMENT_REMINDER',     'Payment reminder',     'Reminds of an invoice that is due.'),
    ('INVOICE_READY',        'Invoice ready',        'An invoice is drafted and waits to be verified.'),
    ('INVOICE_DISPUTE',      'Invoice dispute',      'Disputes a received invoice.'),
    ('DATA_GAP_ALERT',       'Data gap alert',       'Readings are missing, so a clause cannot be judged.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Measurement
-- -----------

-- Where readings come from. The names are those of meter_reading.source_system.
INSERT INTO data_source AS stored (name, description, updated_frequency) VALUES
    ('solaredge', 'SolarEdge monitoring interface.',           '15min'),
    ('enphase',   'Enphase Enlighten interface.',              '15min'),
    ('sma',       'SMA monitoring interface.',                 '15min'),
    ('goodwe',    'GoodWe SEMS interface.',                    '15min'),
    ('snowflake', 'Tables of the data warehouse.',             'hourly'),
    ('manual',    'Files and entries brought in by a person.', 'daily')
ON CONFLICT (name) DO UPDATE
    SET description = excluded.description, updated_frequency = excluded.updated_frequency
    WHERE (stored.description, stored.updated_frequency) IS DISTINCT FROM (excluded.description, excluded.updated_frequency);

-- Kinds of equipment.
INSERT INTO asset_type AS stored (code, name, description) VALUES
    ('SOLAR_PV',        'Solar plant',      'Photovoltaic plant as a whole.'),
    ('WIND_FARM',       'Wind farm',        'Wind plant as a whole.'),
    ('BATTERY',         'Battery storage',  'Stores and returns energy.'),
    ('PV_ARRAY',        'Module array',     'Group of solar modules.'),
    ('WIND_TURBINE',    'Wind turbine',     'One wind turbine.'),
    ('INVERTER',        'Inverter',         'Turns direct into alternating current.'),
    ('COMBINER_BOX',    'Combiner box',     'Joins strings of modules.'),
    ('TRACKER',         'Tracker',          'Turns modules towards the sun.'),
    ('TRANSFORMER',     'Transformer',      'Changes voltage, up to the main power transformer.'),
    ('SWITCHGEAR',      'Switchgear',       'Connects, disconnects and protects.'),
    ('SUBSTATION',      'Substation',       'Connects the plant to the grid.'),
    ('WEATHER_STATION', 'Weather station',  'Measures irradiance, temperature and wind.'),
    ('CONTROLLER',      'Plant controller', 'Controls and records the plant.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- What a meter measures.
INSERT INTO meter_type AS stored (code, name, description) VALUES
    ('REVENUE',     'Revenue meter',     'Measures the energy that is sold; the basis of invoices.'),
    ('CHECK',       'Check meter',       'Measures beside the revenue meter to confirm it.'),
    ('PRODUCTION',  'Production meter',  'Measures what the plant generates.'),
    ('CONSUMPTION', 'Consumption meter', 'Measures what is drawn from the grid.'),
    ('NET',         'Net meter',         'Measures export less import.'),
    ('STORAGE',     'Storage meter',     'Measures the charge and discharge of storage.'),
    ('INVERTER',    'Inverter meter',    'Measures built into an inverter.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of equipment fault.
INSERT INTO fault_type AS stored (code, name, description) VALUES
    ('INVERTER_FAILURE',    'Inverter failure',    'An inverter stopped or tripped.'),
    ('TRANSFORMER_TRIP',    'Transformer trip',    'Protection disconnected a transformer.'),
    ('STRING_FAULT',        'String fault',        'A string of modules delivers little or nothing.'),
    ('GROUND_FAULT',        'Ground fault',        'Current leaks to earth.'),
    ('ARC_FAULT',           'Arc fault',           'An electric arc was detected.'),
    ('BREAKER_TRIP',        'Breaker trip',        'A breaker opened.'),
    ('TRACKER_FAULT',       'Tracker fault',       'A tracker does not follow the sun.'),
    ('CABLE_FAULT',         'Cable fault',         'A cable or a connector is damaged.'),
    ('SENSOR_FAULT',        'Sensor fault',        'A sensor measures wrongly or not at all.'),
    ('COMMUNICATION_FAULT', 'Communication fault', 'Equipment cannot be reached.'),
    ('BATTERY_FAULT',       'Battery fault',       'Storage is limited or stopped.'),
    ('OVERTEMPERATURE',     'Overtemperature',     'Equipment stopped or slowed because of heat.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of grid event.
INSERT INTO grid_event_type AS stored (code, name, description) VALUES
    ('OUTAGE',              'Outage',              'A line or a node had no voltage.'),
    ('PLANNED_OUTAGE',      'Planned outage',      'A line or a node was out for planned work.'),
    ('CURTAILMENT',         'Curtailment',         'Output was limited by order.'),
    ('FREQUENCY_DEVIATION', 'Frequency deviation', 'Frequency left its band.'),
    ('VOLTAGE_DEVIATION',   'Voltage deviation',   'Voltage left its band.'),
    ('CONGESTION',          'Congestion',          'The network could not carry the energy.'),
    ('EMERGENCY',           'Emergency',           'The operator declared an emergency.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of weather observation.
INSERT INTO weather_data_type AS stored (code, name, description, updated_frequency) VALUES
    ('GHI',                'Global horizontal irradiance',  'W/m2 on a horizontal plane.',               '15min'),
    ('POA',                'Plane of array irradiance',     'W/m2 on the plane of the modules.',         '15min'),
    ('DNI',                'Direct normal irradiance',      'W/m2 direct from the sun.',                 '15min'),
    ('DHI',                'Diffuse horizontal irradiance', 'W/m2 from the rest of the sky.',            '15min'),
    ('AIR_TEMPERATURE',    'Air temperature',               'Degrees Celsius.',                          '15min'),
    ('MODULE_TEMPERATURE', 'Module temperature',            'Degrees Celsius at the back of a module.',  '15min'),
    ('WIND_SPEED',         'Wind speed',                    'Metres per second.',                        '15min'),
    ('RELATIVE_HUMIDITY',  'Relative humidity',             'Percent.',                                  'hourly'),
    ('PRECIPITATION',      'Precipitation',                 'Millimetres.',                              'hourly'),
    ('SOILING_RATIO',      'Soiling ratio',                 'Output of soiled modules over clean ones.', 'daily')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description, updated_frequency = excluded.updated_frequency
    WHERE (stored.name, stored.description, stored.updated_frequency) IS DISTINCT FROM (excluded.name, excluded.description, excluded.updated_frequency);

-- Money
-- -----

-- How a tariff makes a price.
INSERT INTO tariff_type AS stored (code, name, description) VALUES
    ('FLAT',        'Flat',        'One price per unit.'),
    ('STEPPED',     'Stepped',     'Prices agreed beforehand for each year or period.'),
    ('ESCALATING',  'Escalating',  'A base price that rises by an agreed rate each year.'),
    ('INDEXED',     'Indexed',     'A base price that follows a published index.'),
    ('TIERED',      'Tiered',      'The price depends on the quantity in the period.'),
    ('TIME_OF_USE', 'Time of use', 'The price depends on the hour, the day and the season.'),
    ('MARKET',      'Market',      'The price follows a market price, within a floor and a ceiling.'),
    ('FIXED_FEE',   'Fixed fee',   'An amount per period, whatever the quantity.'),
    ('CAPACITY',    'Capacity',    'A price per unit of capacity.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of invoice line.
INSERT INTO invoice_line_item_type AS stored (code, name, description) VALUES
    ('ENERGY',                   'Energy',                   'Energy delivered.'),
    ('DEEMED_ENERGY',            'Deemed energy',            'Energy that could have been delivered and is paid for.'),
    ('CAPACITY',                 'Capacity',                 'Capacity made available.'),
    ('FIXED_FEE',                'Fixed fee',                'Fee for the period.'),
    ('VARIABLE_FEE',             'Variable fee',             'Fee by quantity or by work done.'),
    ('TAKE_OR_PAY',              'Take or pay',              'Energy below the agreed minimum that is paid for.'),
    ('ENVIRONMENTAL_ATTRIBUTES', 'Environmental attributes', 'Certificates delivered.'),
    ('LD_CREDIT',                'Liquidated damages',       'Damages credited to the payer; a negative amount.'),
    ('BONUS',                    'Bonus',                    'Payment for exceeding a guarantee.'),
    ('ADJUSTMENT',               'Adjustment',               'Correction of an earlier period.'),
    ('LATE_INTEREST',            'Late payment interest',    'Interest on an overdue amount.'),
    ('REGULATORY_FEE',           'Regulatory fee',           'Fee of a regulator or a grid operator.'),
    ('TAX',                      'Tax',                      'Tax added to the amount.'),
    ('WITHHOLDING_TAX',          'Withholding tax',          'Tax that the payer keeps back; a negative amount.')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description
    WHERE (stored.name, stored.description) IS DISTINCT FROM (excluded.name, excluded.description);

-- Kinds of market price.
INSERT INTO market_price_type AS stored (code, name, description, updated_frequency) VALUES
    ('DAY_AHEAD',         'Day ahead',         'Auction for the hours of the next day.',              'hourly'),
    ('INTRADAY',          'Intraday',          'Trade within the day.',                               '15min'),
    ('REAL_TIME',         'Real time',         'Price at the time of delivery.',                      '15min'),
    ('IMBALANCE',         'Imbalance',         'Price of deviations from the schedule.',              '15min'),
    ('CAPACITY',          'Capacity',          'Price of capacity.',                                  'daily'),
    ('ANCILLARY_SERVICE', 'Ancillary service', 'Price of reserve and regulation.',                    'hourly'),
    ('CERTIFICATE',       'Certificate',       'Price of environmental attributes.',                  'daily'),
    ('RETAIL_REFERENCE',  'Retail reference',  'Price of the utility that a discount is taken from.', 'daily')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description, updated_frequency = excluded.updated_frequency
    WHERE (stored.name, stored.description, stored.updated_frequency) IS DISTINCT FROM (excluded.name, excluded.description, excluded.updated_frequency);

-- Kinds of regulatory fee.
INSERT INTO regulatory_fee_type AS stored (code, name, description, updated_frequency) VALUES
    ('GRID_USAGE',     'Grid usage',     'Fee for the use of the network.',      'daily'),
    ('TRANSMISSION',   'Transmission',   'Fee for transport at high voltage.',   'daily'),
    ('BALANCING',      'Balancing',      'Fee for keeping the system balanced.', 'daily'),
    ('RENEWABLE_LEVY', 'Renewable levy', 'Levy that finances renewable energy.', 'daily'),
    ('CARBON',         'Carbon',         'Price or tax of emissions.',           'daily'),
    ('LICENCE',        'Licence',        'Fee for the licence to generate.',     'daily')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name, description = excluded.description, updated_frequency = excluded.updated_frequency
    WHERE (stored.name, stored.description, stored.updated_frequency) IS DISTINCT FROM (excluded.name, excluded.description, excluded.updated_frequency);

-- Active currencies of ISO 4217, list one of 2026-01-01, without fund codes, metals, units of account and test
-- codes. A currency that is withdrawn later stays: old invoices are written in it.
INSERT INTO currency AS stored (code, name) VALUES
    ('AED', 'UAE Dirham'),
    ('AFN', 'Afghani'),
    ('ALL', 'Lek'),
    ('AMD', 'Armenian Dram'),
    ('AOA', 'Kwanza'),
    ('ARS', 'Argentine Peso'),
    ('AUD', 'Australian Dollar'),
    ('AWG', 'Aruban Florin'),
    ('AZN', 'Azerbaijan Manat'),
    ('BAM', 'Convertible Mark'),
    ('BBD', 'Barbados Dollar'),
    ('BDT', 'Taka'),
    ('BHD', 'Bahraini Dinar'),
    ('BIF', 'Burundi Franc'),
    ('BMD', 'Bermudian Dollar'),
    ('BND', 'Brunei Dollar'),
    ('BOB', 'Boliviano'),
    ('BRL', 'Brazilian Real'),
    ('BSD', 'Bahamian Dollar'),
    ('BTN', 'Ngultrum'),
    ('BWP', 'Pula'),
    ('BYN', 'Belarusian Ruble'),
    ('BZD', 'Belize Dollar'),
    ('CAD', 'Canadian Dollar'),
    ('CDF', 'Congolese Franc'),
    ('CHF', 'Swiss Franc'),
    ('CLP', 'Chilean Peso'),
    ('CNY', 'Yuan Renminbi'),
    ('COP', 'Colombian Peso'),
    ('CRC', 'Costa Rican Colon'),
    ('CUP', 'Cuban Peso'),
    ('CVE', 'Cabo Verde Escudo'),
    ('CZK', 'Czech Koruna'),
    ('DJF', 'Djibouti Franc'),
    ('DKK', 'Danish Krone'),
    ('DOP', 'Dominican Peso'),
    ('DZD', 'Algerian Dinar'),
    ('EGP', 'Egyptian Pound'),
    ('ERN', 'Nakfa'),
    ('ETB', 'Ethiopian Birr'),
    ('EUR', 'Euro'),
    ('FJD', 'Fiji Dollar'),
    ('FKP', 'Falkland Islands Pound'),
    ('GBP', 'Pound Sterling'),
    ('GEL', 'Lari'),
    ('GHS', 'Ghana Cedi'),
    ('GIP', 'Gibraltar Pound'),
    ('GMD', 'Dalasi'),
    ('GNF', 'Guinean Franc'),
    ('GTQ', 'Quetzal'),
    ('GYD', 'Guyana Dollar'),
    ('HKD', 'Hong Kong Dollar'),
    ('HNL', 'Lempira'),
    ('HTG', 'Gourde'),
    ('HUF', 'Forint'),
    ('IDR', 'Rupiah'),
    ('ILS', 'New Israeli Sheqel'),
    ('INR', 'Indian Rupee'),
    ('IQD', 'Iraqi Dinar'),
    ('IRR', 'Iranian Rial'),
    ('ISK', 'Iceland Krona'),
    ('JMD', 'Jamaican Dollar'),
    ('JOD', 'Jordanian Dinar'),
    ('JPY', 'Yen'),
    ('KES', 'Kenyan Shilling'),
    ('KGS', 'Som'),
    ('KHR', 'Riel'),
    ('KMF', 'Comorian Franc'),
    ('KPW', 'North Korean Won'),
    ('KRW', 'Won'),
    ('KWD', 'Kuwaiti Dinar'),
    ('KYD', 'Cayman Islands Dollar'),
    ('KZT', 'Tenge'),
    ('LAK', 'Lao Kip'),
    ('LBP', 'Lebanese Pound'),
    ('LKR', 'Sri Lanka Rupee'),
    ('LRD', 'Liberian Dollar'),
    ('LSL', 'Loti'),
    ('LYD', 'Libyan Dinar'),
    ('MAD', 'Moroccan Dirham'),
    ('MDL', 'Moldovan Leu'),
    ('MGA', 'Malagasy Ariary'),
    ('MKD', 'Denar'),
    ('MMK', 'Kyat'),
    ('MNT', 'Tugrik'),
    ('MOP', 'Pataca'),
    ('MRU', 'Ouguiya'),
    ('MUR', 'Mauritius Rupee'),
    ('MVR', 'Rufiyaa'),
    ('MWK', 'Malawi Kwacha'),
    ('MXN', 'Mexican Peso'),
    ('MYR', 'Malaysian Ringgit'),
    ('MZN', 'Mozambique Metical'),
    ('NAD', 'Namibia Dollar'),
    ('NGN', 'Naira'),
    ('NIO', 'Cordoba Oro'),
    ('NOK', 'Norwegian Krone'),
    ('NPR', 'Nepalese Rupee'),
    ('NZD', 'New Zealand Dollar'),
    ('OMR', 'Omani Rial'),
    ('PAB', 'Balboa'),
    ('PEN', 'Sol'),
    ('PGK', 'Kina'),
    ('PHP', 'Philippine Peso'),
    ('PKR', 'Pakistan Rupee'),
    ('PLN', 'Zloty'),
    ('PYG', 'Guarani'),
    ('QAR', 'Qatari Rial'),
    ('RON', 'Romanian Leu'),
    ('RSD', 'Serbian Dinar'),
    ('RUB', 'Russian Ruble'),
    ('RWF', 'Rwanda Franc'),
    ('SAR', 'Saudi Riyal'),
    ('SBD', 'Solomon Islands Dollar'),
    ('SCR', 'Seychelles Rupee'),
    ('SDG', 'Sudanese Pound'),
    ('SEK', 'Swedish Krona'),
    ('SGD', 'Singapore Dollar'),
    ('SHP', 'Saint Helena Pound'),
    ('SLE', 'Leone'),
    ('SOS', 'Somali Shilling'),
    ('SRD', 'Surinam Dollar'),
    ('SSP', 'South Sudanese Pound'),
    ('STN', 'Dobra'),
    ('SVC', 'El Salvador Colon'),
    ('SYP', 'Syrian Pound'),
    ('SZL', 'Lilangeni'),
    ('THB', 'Baht'),
    ('TJS', 'Somoni'),
    ('TMT', 'Turkmenistan New Manat'),
    ('TND', 'Tunisian Dinar'),
    ('TOP', 'Pa''anga'),
    ('TRY', 'Turkish Lira'),
    ('TTD', 'Trinidad and Tobago Dollar'),
    ('TWD', 'New Taiwan Dollar'),
    ('TZS', 'Tanzanian Shilling'),
    ('UAH', 'Hryvnia'),
    ('UGX', 'Uganda Shilling'),
    ('USD', 'US Dollar'),
    ('UYU', 'Peso Uruguayo'),
    ('UZS', 'Uzbekistan Sum'),
    ('VED', 'Bolivar Digital'),
    ('VES', 'Bolivar Soberano'),
    ('VND', 'Dong'),
    ('VUV', 'Vatu'),
    ('WST', 'Tala'),
    ('XAF', 'CFA Franc BEAC'),
    ('XCD', 'East Caribbean Dollar'),
    ('XCG', 'Caribbean Guilder'),
    ('XOF', 'CFA Franc BCEAO'),
    ('XPF', 'CFP Franc'),
    ('YER', 'Yemeni Rial'),
    ('ZAR', 'Rand'),
    ('ZMW', 'Zambian Kwacha'),
    ('ZWG', 'Zimbabwe Gold')
ON CONFLICT (code) DO UPDATE
    SET name = excluded.name
    WHERE stored.name IS DISTINCT FROM excluded.name;

-- Every calendar month from 2020 to 2035; both dates belong to the period. A month that already exists, under
-- whatever name, is left as it is.
INSERT INTO billing_period (name, start_date, end_date)
SELECT to_char(month, 'YYYY-MM'), month::date, (month + interval '1 month - 1 day')::date
FROM generate_series(timestamp '2020-01-01', timestamp '2035-12-01', interval '1 month') AS month
ON CONFLICT DO NOTHING;
