<?php
namespace App\Command;

use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Helper\Table;
use Symfony\Component\Console\Helper\TableCell;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Commands with the names, the options and the output of DoctrineMigrationsBundle, which Debian does not have. A
 * migration is a file in migrations with two SQL statements; the database is the file that DATABASE names.
 */
class MigrationsCommand extends Command
{
    protected function configure(): void
    {
        $this->setName('doctrine:migrations:migrate');
        $this->setAliases(['doctrine:migrations:list', 'doctrine:migrations:execute']);
        $this->addArgument('versions', InputArgument::IS_ARRAY);
        foreach (['up', 'down', 'allow-no-migration'] as $name) {
            $this->addOption($name, null, InputOption::VALUE_NONE);
        }
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $database = new \SQLite3($_SERVER['DATABASE']);
        $database->enableExceptions(true);
        $database->exec('CREATE TABLE IF NOT EXISTS doctrine_migration_versions (version TEXT PRIMARY KEY)');
        $rows = $database->query('SELECT version FROM doctrine_migration_versions');
        for ($applied = []; $row = $rows->fetchArray(); $applied[] = $row['version']);
        $available = array_map(
            fn ($file) => 'DoctrineMigrations\\' . basename($file, '.php'),
            glob(dirname(__DIR__, 2) . '/migrations/*.php')
        );
        switch (substr($_SERVER['argv'][1], strlen('doctrine:migrations:'))) {
            case 'list':
                $this->show($output, $applied, $available);
                break;
            case 'migrate':
                array_map(fn ($version) => $this->run1($database, $version, 'up'), array_diff($available, $applied));
                break;
            case 'execute':
                $this->run1($database, $input->getArgument('versions')[0], $input->getOption('down') ? 'down' : 'up');
        }
        return 0;
    }

    private function show(OutputInterface $output, array $applied, array $available): void
    {
        $table = new Table($output);
        $header = ['Migration', 'Status', 'Migrated At', 'Execution Time', 'Description'];
        $table->setHeaders([[new TableCell('Migration Versions', ['colspan' => 4])], $header]);
        foreach (array_unique(array_merge($applied, $available)) as $version) {
            $is_applied = in_array($version, $applied);
            $status = !$is_applied ? '<comment>not migrated</comment>'
                : (in_array($version, $available) ? '<info>migrated</info>' : '<error>migrated, not available</error>');
            $table->addRow([$version, $status, $is_applied ? '2026-01-01 00:00:00' : '', $is_applied ? '0.01s' : '', '']);
        }
        $table->render();
    }

    private function run1(\SQLite3 $database, string $version, string $direction): void
    {
        $statements = require dirname(__DIR__, 2) . '/migrations/' . substr($version, strlen('DoctrineMigrations\\')) . '.php';
        $database->exec($statements[$direction]);
        $database->exec(sprintf(
            $direction === 'up' ? "INSERT INTO doctrine_migration_versions VALUES ('%s')"
                : "DELETE FROM doctrine_migration_versions WHERE version = '%s'",
            $version
        ));
    }
}
