<?php
// The code that the recipe laravel runs inside an application, with the application's configuration.
// It is sent to the host as text. Answers are lines that start with "capdoit:", because the application may print other
// lines. Arguments: the action (applied, known or revert); for revert, the migrations to revert.

use Illuminate\Contracts\Console\Kernel;
use Symfony\Component\Console\Output\ConsoleOutput;

require getcwd() . '/vendor/autoload.php';
$app = require getcwd() . '/bootstrap/app.php';

/** Return the applied migrations. */
$listApplied = function () use ($app): array {
    $repository = $app['migration.repository'];
    return $repository->repositoryExists() ? $repository->getRan() : [];
};

/** Return the files of all migrations in the code, packages included, by name. */
$listFiles = function () use ($app): array {
    $migrator = $app['migrator'];
    return $migrator->getMigrationFiles(array_merge($migrator->paths(), [$app->databasePath('migrations')]));
};

/** Exit before any migration was reverted, if there are migrations with a reason not to revert them. */
$refuse = function (array $names, string $reason): void {
    if ($names) {
        $list = implode(', ', $names);
        throw new RuntimeException("$list: $reason; no migration was reverted (migrations=keep keeps all of them)");
    }
};

/** Check that the newest migrations are exactly the unknown ones, and that all of them can be reverted. */
$check = function (array $unknown) use ($app, $listFiles, $refuse): void {
    $files = $listFiles();
    $refuse(array_diff($unknown, array_keys($files)), 'the live release has no such migration');
    $newest = array_map(
        fn ($row) => ((object) $row)->migration,
        $app['migration.repository']->getMigrations(count($unknown))
    );
    $refuse(array_diff($newest, $unknown), 'would be reverted too, although the target release has it');
    $hasDown = fn ($name) => preg_match('/function\s+down\s*\(/i', php_strip_whitespace($files[$name]));
    $refuse(array_filter($unknown, fn ($name) => !$hasDown($name)), 'has no method down');
};

/**
 * Revert the newest migrations. If one fails, apply the reverted ones again: the live release must not be left without
 * its tables.
 */
$revert = function (array $unknown) use ($app, $check, $listApplied): void {
    $check($unknown);
    $kernel = $app->make(Kernel::class);
    try {
        $kernel->call('migrate:rollback', ['--step' => count($unknown), '--force' => true], new ConsoleOutput());
    } catch (Throwable $error) {
        if (!$reverted = implode(', ', array_diff($unknown, $listApplied()))) {
            throw $error;
        }
        $reason = get_class($error) . ": {$error->getMessage()}";
        try {
            $kernel->call('migrate', ['--force' => true], new ConsoleOutput());
        } catch (Throwable $second) {
            throw new RuntimeException("$reason; the live release lacks $reverted: reverted, and could not be applied"
                . " again: {$second->getMessage()}");
        }
        throw new RuntimeException("$reason; reverted and applied again, but the data of their columns and tables is"
            . " lost: $reverted");
    }
};

try {
    $app->make(Kernel::class)->bootstrap();
    $names = array_slice($argv, 2);
    switch ($argv[1]) {
        case 'applied':
            $answers = $listApplied();
            break;
        case 'known':
            $answers = array_keys($listFiles());
            break;
        case 'revert':
            $revert($names);
            $answers = [];
    }
    foreach ($answers as $name) {
        echo "\ncapdoit:$name\n";
    }
} catch (Throwable $error) {
    fwrite(STDERR, get_class($error) . ': ' . $error->getMessage() . "\n");
    exit(1);
}
